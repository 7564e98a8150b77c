# xy.gp - see harness/plot/plot_xy.c. Panels in one row (at most three, then more rows); the legend is a strip below.
cols  = n_panel <= 3 ? n_panel : n_panel == 4 ? 2 : 3
rows  = (n_panel + cols - 1) / cols
W     = n_panel == 1 ? 1300 : 1700
left  = 140
gap   = 34
top   = 128
pw    = (W - left - 40 - gap * (cols - 1)) / real(cols)
ph    = rows == 1 ? 560 : 400
step  = ph + 136
n_key = n_series
array key_t[n_series + 3]
array key_x[n_series + 3]
array key_y[n_series + 3]
array key_d[n_series + 3]
array key_c[n_series + 3]
do for [i = 1:n_series] { key_t[i] = series[i] }
if (base == base) { n_key = n_key + 1; key_t[n_key] = sprintf('base %.4g%s', base, base > hi || base < lo ? ' (off the scale)' : ''); key_d[n_key] = 2; key_c[n_key] = grey }
if (steps) { n_key = n_key + 1; key_t[n_key] = 'Pareto front'; key_d[n_key] = 1; key_c[n_key] = '#bbbbbb' }
x = left; y = 0
do for [i = 1:n_key] {
    w = strlen(key_t[i]) * 13 + 92
    if (x > left && x + w > W) { x = left; y = y + 40 }
    key_x[i] = x; key_y[i] = y; x = x + w
}
key_top = top + 30 + rows * step + 4
H     = int(key_top + y + 36)
of(s, r) = column('series') == s && column('role') == r
clip(v)  = v > hi ? hi : v < lo ? lo : v
ends     = 0.012 * (hi - lo)
inside(v) = v > hi - ends ? hi - ends : v < lo + ends ? lo + ends : v

do for [fmt in formats] {
    eval start(fmt)
    unset label; unset arrow
    set multiplot
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    set label 3 metric at screen sx(30),sy(top + 30 + ((rows - 1) * step + ph) / 2.0) center rotate by 90 font ''.px(25) tc rgb ink
    set border 3 lc rgb '#999999' lw 1
    set yrange [lo:hi]
    set grid ytics lt 1 lc rgb '#e8e8e8' lw 0.8
    do for [p = 1:n_panel] {
        c = (p - 1) % cols; r = (p - 1) / cols
        l = left + c * (pw + gap); t = top + 30 + r * step
        eval panel_at(l, l + pw, t, t + ph)
        if (xlog[p]) { set logscale x } else { unset logscale x }
        set xrange [xlo[p]:xhi[p]]
        set label 5 panel[p] at screen sx(l + pw / 2),sy(t - 18) center font ''.bold(25) tc rgb ink
        set label 6 xlabel[p] at screen sx(l + pw / 2),sy(t + ph + 64) center font ''.px(24) tc rgb ink
        set xtics () nomirror font ''.px(22) tc rgb ink
        do for [i = 1:n_tic] { if (tic_panel[i] == p) { set xtics add (tic[i] tic_at[i]) } }
        set ytics tic_step nomirror font ''.px(22) tc rgb ink
        if (c > 0) { set format y '' } else { set format y '%g' }
        if (p == n_panel) {
            do for [i = 1:n_key] {
                kx = key_x[i]; ky = key_top + key_y[i]
                set label 100 + i key_t[i] at screen sx(kx + 62),sy(ky) left font ''.px(24) tc rgb ink
                if (i > n_series) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 52),sy(ky) nohead dt key_d[i] lw 2.4 lc rgb key_c[i] }
                if (i <= n_series && series_line[i]) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 52),sy(ky) nohead lw 2.4 lc rgb series_color[i] }
                if (i <= n_series) { set label 300 + i '' at screen sx(kx + 26),sy(ky) point pt series_form[i] ps dot(1.9) lc rgb series_color[i] }
            }
        }
        plot base with lines dt 2 lw 2 lc rgb grey notitle, \
             file.'.csv' using (column('role') == 3 && column('panel') == p ? column('x') : NaN):(clip(column('y'))) with steps lw 3 lc rgb '#bbbbbb' notitle, \
             for [s = 1:n_series] for [k = 1:2] file.'.csv' using (of(s, k) && column('panel') == p && column('seeds') > 1 ? column('x') : NaN):'y':'low':'high' with yerrorbars pt 0 lw 1.2 lc rgb series_color[s] notitle, \
             for [s = 1:n_series] for [k = 1:2] file.'.csv' using (of(s, k) && column('panel') == p && column('seeds') > 1 ? column('x') : NaN):'least' with points pt 7 ps dot(0.6) lc rgb series_color[s] notitle, \
             for [s = 1:n_series] for [k = 1:2] file.'.csv' using (of(s, k) && column('panel') == p && column('seeds') > 1 ? column('x') : NaN):'most' with points pt 7 ps dot(0.6) lc rgb series_color[s] notitle, \
             for [s = 1:n_series] file.'.csv' using (of(s, 2) && column('panel') == p ? column('x') : 1/0):(clip(column('y'))) with linespoints lw 2.4 pt series_form[s] ps dot(1.6) lc rgb series_color[s] notitle, \
             for [s = 1:n_series] file.'.csv' using (of(s, 0) && column('panel') == p ? column('x') : NaN):(inside(column('y'))) with points pt series_form[s] - 1 ps dot(1.5) lw 1.4 lc rgb series_color[s] notitle, \
             for [s = 1:n_series] file.'.csv' using (of(s, 1) && column('panel') == p ? column('x') : NaN):(inside(column('y'))) with points pt series_form[s] ps dot(1.9) lc rgb series_color[s] notitle, \
             file.'.csv' using (column('panel') == p && strlen(strcol('label')) ? column('x') : NaN):'y':(strcol('label')) with labels right offset -0.8,(maximize ? 0.5 : -0.5) font ''.px(18) tc rgb ink notitle
        do for [i = 1:6] { unset label i }
    }
    unset multiplot
    unset output
}
