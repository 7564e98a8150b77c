# lr.gp - see harness/plot/plot_lr.c. A panel per choice of modules (and method); the legend is a strip below.
rows  = (n_panel + cols - 1) / cols
W     = maxof(1600, 120 + cols * 330)
left  = 140
gap   = 40
top   = 128
pw    = (W - left - 40 - gap * (cols - 1)) / real(cols)
ph    = rows == 1 ? 560 : rows == 2 ? 360 : 300
step  = ph + 124
# the legend: entries with the width of their text, broken into lines
array key_x[n_legend + 2]
array key_y[n_legend + 2]
array key_t[n_legend + 2]
n_key = n_legend
do for [i = 1:n_legend] { key_t[i] = legend[i] }
if (base == base) {
    n_key = n_key + 1
    key_t[n_key] = sprintf('base %.4g%s', base, base > hi || base < lo ? ' (off the scale)' : '')
}
x = left; y = 0
do for [i = 1:n_key] {
    w = strlen(key_t[i]) * 13 + 92
    if (x > left && x + w > W) { x = left; y = y + 40 }
    key_x[i] = x; key_y[i] = y; x = x + w
}
title_px = 25
do for [p = 1:n_panel] { title_px = minof(title_px, pw / (maxof(1, strlen(panel[p])) * 0.68)) }
key_top = top + 30 + rows * step + 8
H     = int(key_top + y + 36)
ymark = maximize ? lo + 0.03 * (hi - lo) : hi - 0.03 * (hi - lo)   # where what lies outside is marked
up    = maximize ? 1 : -1
outside(v) = maximize ? v < lo : v > hi
of(s)      = column('line') == s
at(w)      = strlen(w) ? int(w + 0) : 1     # an empty list is parsed once all the same

do for [fmt in formats] {
    eval start(fmt)
    unset label; unset arrow
    set multiplot
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    set label 3 metric at screen sx(30),sy(top + 30 + ((rows - 1) * step + ph) / 2.0) center rotate by 90 font ''.px(25) tc rgb ink
    set border 3 lc rgb '#999999' lw 1
    set logscale x
    set xrange [lr_lo / 1.35:lr_hi * 1.35]
    set yrange [lo:hi]
    set grid ytics xtics lt 1 lc rgb '#e8e8e8' lw 0.8
    do for [p = 1:n_panel] {
        c = (p - 1) % cols; r = (p - 1) / cols
        l = left + c * (pw + gap); t = top + 30 + r * step
        eval panel_at(l, l + pw, t, t + ph)
        set label 5 panel[p] at screen sx(l + pw / 2),sy(t - 18) center font ''.bold(title_px) tc rgb panel_color[p]
        if (p > n_panel - cols) { set label 6 'learning rate' at screen sx(l + pw / 2),sy(t + ph + 62) center font ''.px(24) tc rgb ink }
        set xtics () nomirror font ''.px(22) tc rgb ink
        set for [i = 1:n_lr_label] xtics add (lr_label[i] lr_at[i])
        set ytics tic_step nomirror font ''.px(22) tc rgb ink
        if (c > 0) { set format y '' } else { set format y '%g' }
        if (p == n_panel) {
            do for [i = 1:n_key] {
                kx = key_x[i]; ky = key_top + key_y[i]
                set label 100 + i key_t[i] at screen sx(kx + 62),sy(ky) left font ''.px(24) tc rgb ink
                if (i > n_legend) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 52),sy(ky) nohead dt 2 lw 2 lc rgb grey }
                if (i <= n_legend && legend_line[i]) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 52),sy(ky) nohead lw 2.4 lc rgb legend_color[i] }
                if (i <= n_legend && legend_point[i]) { set label 300 + i '' at screen sx(kx + 26),sy(ky) point pt legend_point[i] ps dot(1.9) lc rgb legend_color[i] }
            }
        }
        lines = ''                               # of this panel: few passes over the data
        do for [s = 1:n_line_panel] { if (line_panel[s] == p) { lines = lines.sprintf('%d ', s) } }
        plot base with lines dt 2 lw 2 lc rgb grey notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('seeds') > 1 ? column('lr') : NaN):'metric':'low':'high' with yerrorbars pt 0 lw 1.2 lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('seeds') > 1 ? column('lr') : NaN):'least' with points pt 7 ps dot(0.6) lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('seeds') > 1 ? column('lr') : NaN):'most' with points pt 7 ps dot(0.6) lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('seeds') > 0 ? column('lr') : NaN):'metric' with linespoints lw 2.2 pt line_point[at(w)] ps dot(1.7) lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('best') > 0 ? column('lr') : NaN):'metric' with points pt 6 ps dot(3.2) lw 2 lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('diverged') > 0 ? column('lr') : NaN):(ymark + up * 0.045 * (hi - lo) * column('stack')) with points pt 2 ps dot(1.8) lw 2.6 lc rgb line_color[at(w)] notitle, \
             for [w in lines] file.'.csv' using (of(at(w)) && column('seeds') > 0 && outside(column('metric')) ? column('lr') : NaN):(ymark) with points pt maximize ? 10 : 8 ps dot(1.8) lw 2 lc rgb line_color[at(w)] notitle
        do for [i = 1:6] { unset label i }
    }
    unset multiplot
    unset output
}
