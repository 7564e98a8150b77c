# forest.gp - see harness/plot/plot_forest.c. Lines from the top, their names on the left, their numbers on the right.
rowpx = y_last < 12 ? 52 : y_last < 30 ? 38 : 30
px_row = minof(23, rowpx * 0.72)
left  = 50 + label_width * px_row * 0.62
right = 60 + 27 * px_row * 0.6
W     = maxof(1500, left + right + 600)
top   = 116
ph    = (y_last + 1.6) * rowpx
H     = int(top + ph + 110)
cut(v) = v > reach ? reach : v < -reach ? -reach : v

do for [fmt in formats] {
    eval start(fmt)
    unset label; unset arrow
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    eval panel_at(left, W - right, top, top + ph)
    set border 1 lc rgb '#999999' lw 1
    set xrange [-reach:reach]
    set yrange [y_last + 0.8:-0.8]
    unset ytics
    set xtics tic_step nomirror font ''.px(22) tc rgb ink
    set grid xtics lt 1 lc rgb '#e8e8e8' lw 0.8
    set label 3 'difference of '.metric at screen sx((left + W - right) / 2),sy(top + ph + 62) center font ''.px(24) tc rgb ink
    set arrow 1 from first 0,graph 0 to first 0,graph 1 nohead lw 1.6 lc rgb grey
    do for [i = 1:n_head] { set label 10 + i head[i] at screen sx(30), first head_y[i] left font ''.bold(px_row) tc rgb ink }
    do for [i = 1:n_row] {
        set label 100 + i row[i] at screen sx(left - 16), first row_y[i] right font ''.px(px_row) tc rgb ink
        set label 300 + i row_told[i] at screen sx(W - right + 18), first row_y[i] left font ''.px(px_row) tc rgb ink
    }
    plot for [i = 1:n_row] file.'.csv' using ($0 == i - 1 && column('known') > 0 ? cut(column('difference')) : NaN):'y':(cut(column('low'))):(cut(column('high'))) with xerrorbars pt 5 ps dot(1.5) lw 2.2 lc rgb row_color[i] notitle, \
         for [i = 1:n_row] file.'.csv' using ($0 == i - 1 && column('known') == 0 ? cut(column('difference')) : NaN):'y' with points pt 4 ps dot(1.5) lw 1.8 lc rgb row_color[i] notitle
    unset output
}
