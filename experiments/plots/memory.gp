# memory.gp - see harness/plot/plot_memory.c. Bars from the top; the legend is a strip below.
W      = 1600
rowpx  = y_last < 8 ? 54 : y_last < 20 ? 38 : 29
px_bar = minof(22, rowpx * 0.76)
left   = 44 + method_width * px_bar * 0.7 + bar_width * px_bar * 0.6
top    = 110
ph     = (y_last + 1.3) * rowpx
array key_x[n_cat + 1]
array key_y[n_cat + 1]
key_w(i) = (i > n_cat ? 23 : strlen(cat_word[i])) * 12.4 + 66
x = 30; y = 0
do for [i = 1:n_cat + 1] {
    if (x > 30 && x + key_w(i) > W) { x = 30; y = y + 38 }
    key_x[i] = x; key_y[i] = y; x = x + key_w(i)
}
key_top = top + ph + 106
H      = int(key_top + y + 34)
cum(k) = k == 0 ? 0 : sum [i = 1:k] column(cat[i]) / unit_bytes

do for [fmt in formats] {
    eval start(fmt)
    unset label; unset object
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    eval panel_at(left, W - 40, top, top + ph)
    set border 1 lc rgb '#999999' lw 1
    set xrange [0:most * 1.14]
    set yrange [y_last + 0.75:-0.55]
    unset ytics
    set xtics tic_step nomirror font ''.px(22) tc rgb ink
    set grid xtics lt 1 lc rgb '#e4e4e4' lw 0.8
    set label 3 unit at screen sx((left + W - 40) / 2),sy(top + ph + 58) center font ''.px(24) tc rgb ink
    do for [i = 1:n_cat + 1] {
        if (i <= n_cat) {
            set object 10 + i rectangle from screen sx(key_x[i]),sy(key_top + key_y[i] - 12) to screen sx(key_x[i] + 34),sy(key_top + key_y[i] + 12) fs solid 1 noborder fc rgb cat_color[i]
            set label 100 + i cat_word[i] at screen sx(key_x[i] + 44),sy(key_top + key_y[i]) left font ''.px(23) tc rgb ink
        } else {
            set label 100 + i '  largest resident size' at screen sx(key_x[i] + 22),sy(key_top + key_y[i]) left font ''.px(23) tc rgb ink
            set label 200 + i '' at screen sx(key_x[i] + 16),sy(key_top + key_y[i]) point pt 13 ps dot(1.9) lc rgb 'black'
        }
    }
    do for [i = 1:n_bar] {
        set label 300 + i bar_method[i] at screen sx(24), first bar_y[i] left font ''.bold(px_bar) tc rgb ink
        set label 500 + i bar[i] at screen sx(left - 12), first bar_y[i] right font ''.px(px_bar) tc rgb ink
        set label 700 + i bar_total[i] at first bar_end[i] + most * 0.014, first bar_y[i] left font ''.px(px_bar) tc rgb ink
    }
    plot for [k = 1:n_cat] file.'.csv' using (cum(k)):'y':(cum(k - 1)):(cum(k)):(column('y') - 0.38):(column('y') + 0.38) with boxxyerror fs solid 1 noborder lc rgb cat_color[k] notitle, \
         file.'.csv' using (column('rss_bytes') / unit_bytes):'y' with points pt 13 ps dot(minof(1.9, rowpx / 19.0)) lc rgb 'black' notitle
    unset output
}
