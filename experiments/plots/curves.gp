# curves.gp - see harness/plot/plot_curves.c. Per method the metric above and the training loss below; with one method side
# by side. At most six methods in a row. The legend is a strip below.
most   = 6
single = n_panel == 1
cols   = single ? 2 : minof(most, n_panel)
rows   = single ? 1 : 2 * ((n_panel + most - 1) / most)
W      = maxof(1600, 140 + cols * 262)
left   = 136
gap    = single ? 136 : 26
top    = 124
pw     = (W - left - 30 - gap * (cols - 1)) / real(cols)
ph     = single ? 520 : 325
step   = ph + 66
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
key_top = top + 30 + rows * step + 50
H     = int(key_top + y + 36)
of(s, k) = column('line') == s && column('training') == k
at(w) = strlen(w) ? int(w + 0) : 1     # an empty list is parsed once all the same
clip(v, a, b) = v > b ? b : v < a ? a : v

do for [fmt in formats] {
    eval start(fmt)
    unset label; unset arrow
    set multiplot
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    set border 3 lc rgb '#999999' lw 1
    set xrange [0:last_step * 1.03]
    set grid ytics lt 1 lc rgb '#e8e8e8' lw 0.8
    do for [i = 1:n_key] {
        kx = key_x[i]; ky = key_top + key_y[i]
        set label 100 + i key_t[i] at screen sx(kx + 66),sy(ky) left font ''.px(24) tc rgb ink
        if (i > n_legend) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 56),sy(ky) nohead dt 5 lw 2 lc rgb grey }
        if (i <= n_legend) { set arrow 100 + i from screen sx(kx),sy(ky) to screen sx(kx + 56),sy(ky) nohead dt legend_dash[i] lw 3 lc rgb legend_color[i] }
    }
    do for [p = 1:n_panel] {
        do for [k = 0:1] {
            c = single ? k : (p - 1) % most; r = single ? 0 : 2 * ((p - 1) / most) + k
            l = left + c * (pw + gap); t = top + 30 + r * step
            eval panel_at(l, l + pw, t, t + ph)
            if (k == 0 || single) { set label 5 panel[p] at screen sx(l + pw / 2),sy(t - 18) center font ''.bold(minof(25, pw / (maxof(1, strlen(panel[p])) * 0.72))) tc rgb panel_color[p] }
            if (k == 1 || single) { set label 6 'step' at screen sx(l + pw / 2),sy(t + ph + 60) center font ''.px(24) tc rgb ink }
            if (c == 0 || single) { set label 7 (k == 0 ? metric : 'training loss') at screen sx(l - 106),sy(t + ph / 2) center rotate by 90 font ''.px(24) tc rgb ink }
            a = k == 0 ? lo : train_lo; b = k == 0 ? hi : train_hi
            set yrange [a:b]
            set xtics step_tic nomirror font ''.px(22) tc rgb ink
            if (k == 0 && !single) { set format x '' } else { set format x '%g' }
            every = k == 0 ? tic_step : train_step
            set ytics every nomirror font ''.px(22) tc rgb ink
            if (c > 0 && !single) { set format y '' } else { set format y '%g' }
            lines = ''                           # of this panel: few passes over the data
            do for [s = 1:n_line_panel] { if (line_panel[s] == p || line_panel[s] == 0) { lines = lines.sprintf('%d ', s) } }
            plot for [w in (bands && (k == 0 || words(lines) <= 8) ? lines : '')] file.'.csv' using (of(at(w), k) ? column('step') : NaN):(clip(column('low'), a, b)):(clip(column('high'), a, b)) with filledcurves fs transparent solid 0.16 noborder lc rgb line_color[at(w)] notitle, \
                 (k == 0 ? base : NaN) with lines dt 5 lw 2 lc rgb grey notitle, \
                 for [w in lines] file.'.csv' using (of(at(w), k) ? column('step') : NaN):'value' with lines dt line_dash[at(w)] lw 2.4 lc rgb line_color[at(w)] notitle, \
                 for [w in (k == 0 ? lines : '')] file.'.csv' using (of(at(w), k) ? column('step') : NaN):'value' with points pt 7 ps dot(1.1) lc rgb line_color[at(w)] notitle, \
                 for [w in (dots && k == 0 ? lines : '')] file.'.csv' using (of(at(w), k) ? column('step') : NaN):'least' with points pt 7 ps dot(0.6) lc rgb line_color[at(w)] notitle, \
                 for [w in (dots && k == 0 ? lines : '')] file.'.csv' using (of(at(w), k) ? column('step') : NaN):'most' with points pt 7 ps dot(0.6) lc rgb line_color[at(w)] notitle, \
                 for [w in (any_diverged ? lines : '')] file.'.csv' using (of(at(w), k) && column('diverged_here') > 0 ? column('step') : NaN):(clip(column('value'), a + 0.03 * (b - a), b - 0.03 * (b - a))) with points pt 2 ps dot(2) lw 2.6 lc rgb line_color[at(w)] notitle
            unset label; unset arrow
        }
    }
    unset multiplot
    unset output
}
