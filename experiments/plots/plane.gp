# plane.gp - see harness/plot/plot_plane.c. One panel per method; cells are filled boxes with their value.
side    = n_panel < cols * rows ? 0 : 150    # room for a colour bar at the right
left    = 95 + maxof(6, ylab_width) * 12.5
gap     = 34
top     = 128
W       = 1600
pw      = (W - left - 30 - side - gap * (cols - 1)) / real(cols)
ph      = maxof(rows == 1 ? 440 : 250, ny * 74)
step    = ph + 118
array note_x[n_note + 1]
array note_y[n_note + 1]
x = 30; y = 0                               # notes below, where no slot is free
do for [i = 1:n_note] {
    w = strlen(note[i]) * 11.4 + 34
    if (x > 30 && x + w > W) { x = 30; y = y + 30 }
    note_x[i] = x; note_y[i] = top + rows * step + 24 + y; x = x + w
}
H       = int(top + rows * step + (side ? y + 48 : 0))
cell    = pw / real(nx)
digits  = strlen(sprintf(vfmt, abs(hi) > abs(lo) ? hi : lo))
vpx     = minof(24, cell * 0.94 / (digits * 0.6))
share(v) = (v - lo) / (hi - lo)
dark(v)  = maximize ? share(v) > 0.38 : share(v) < 0.62
clip(v)  = v < lo ? lo : v > hi ? hi : v
of(p)    = column('panel') == p
full_at  = xlab[n_xlab] eq 'full'
if (maximize) { set palette negative }

# bar at pixels l, r, t, b; its ends
bar(l, r, t, b) = sprintf('set colorbox %s user origin screen %g,%g size screen %g,%g', \
                          side ? 'vertical' : 'horizontal', sx(l), sy(b), sx(r - l), sx(0) + (b - t) / real(H))

do for [fmt in formats] {
    eval start(fmt)
    unset label
    set multiplot
    set label 1 title at screen sx(30),sy(38) left font ''.bold(30) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(25) tc rgb ink
    set label 3 'adapted fraction of parameters' at screen sx(34),sy(top + 36 + ((rows - 1) * step + ph) / 2.0) center rotate by 90 font ''.px(25) tc rgb ink
    set style fill solid 1.0 noborder
    set border 15 lc rgb '#999999' lw 0.8
    set tics scale 0
    set xrange [-0.5:nx - 0.5]
    set yrange [-0.5:ny - 0.5]
    set cbrange [lo:hi]
    set boxwidth 1
    do for [p = 1:n_panel] {
        c = (p - 1) % cols; r = (p - 1) / cols
        l = left + c * (pw + gap); t = top + 36 + r * step
        eval panel_at(l, l + pw, t, t + ph)
        set label 5 panel[p] at screen sx(l + pw / 2),sy(t - 20) center font ''.bold(25) tc rgb panel_color[p]
        set xtics () scale 0 font ''.px(23) tc rgb ink offset 0,0.1
        set for [i = 1:n_xlab] xtics add (xlab[i] i - 1)
        set ytics () scale 0 font ''.px(22) tc rgb ink
        if (c > 0) { unset ytics } else { set for [i = 1:n_ylab] ytics add (ylab[i]."\n".yfrac[i] i - 1) }
        if (p > n_panel - cols) { set label 6 'rank r' at screen sx(l + pw / 2),sy(t + ph + 64) center font ''.px(25) tc rgb ink }
        unset colorbox
        if (p == n_panel) {
            set cbtics tic_step font ''.px(22) tc rgb ink scale 0.4
            if (side) {
                eval bar(W - 132, W - 100, top + 36, top + 36 + (rows - 1) * step + ph)
                set label 4 metric at screen sx(W - 20),sy(top + 8) right font ''.px(24) tc rgb ink
                do for [i = 1:n_note] { set label 10 + i note[i] at screen sx(note_x[i]),sy(note_y[i]) left font ''.px(21) tc rgb ink }
            } else {
                bl = left + (p % cols) * (pw + gap) + 20
                eval bar(bl, bl + pw - 40, t + 44, t + 78)
                set label 4 metric at screen sx(bl),sy(t + 22) left font ''.bold(25) tc rgb ink
                do for [i = 1:n_note] { set label 10 + i note[i] at screen sx(bl),sy(t + 118 + 34 * i) left font ''.px(22) tc rgb ink }
            }
        }
        plot file.'.csv' using (of(p) && column('mark') < 2 ? column('x') : NaN):'y':(column('x') - 0.47):(column('x') + 0.47):(column('y') - 0.46):(column('y') + 0.46):(clip(column('metric'))) \
                 with boxxyerror lc palette notitle, \
             '' using (of(p) && column('mark') < 2 && clip(column('metric')) != column('metric') ? column('x') : NaN):'y':(column('x') - 0.468):(column('x') + 0.468):(column('y') - 0.457):(column('y') + 0.457) \
                 with boxxyerror lc rgb '#222222' lw 1.5 fs empty notitle, \
             '' using (of(p) && column('mark') >= 2 ? column('x') : NaN):'y':(column('x') - 0.47):(column('x') + 0.47):(column('y') - 0.46):(column('y') + 0.46) \
                 with boxxyerror lc rgb pale notitle, \
             '' using (of(p) && column('mark') < 2 && dark(column('metric')) ? column('x') : NaN):'y':(sprintf(vfmt, column('metric'))) \
                 with labels font ''.px(vpx) tc rgb 'white' notitle, \
             '' using (of(p) && column('mark') < 2 && !dark(column('metric')) ? column('x') : NaN):'y':(sprintf(vfmt, column('metric'))) \
                 with labels font ''.px(vpx) tc rgb 'black' notitle, \
             '' using (of(p) && column('mark') == 1 ? column('x') + 0.34 : NaN):(column('y') + 0.33) with points pt 2 ps dot(1.3) lw 2 lc rgb '#d00000' notitle, \
             '' using (of(p) && (column('mark') == 2 || column('mark') == 3) ? column('x') : NaN):(column('y') + 0.12) with points pt 2 ps dot(2.6) lw 3 lc rgb '#d00000' notitle, \
             '' using (of(p) && column('mark') >= 2 ? column('x') : NaN):(column('y') - (column('mark') == 4 ? 0 : 0.31)):(strcol('state') eq 'not started' ? 'not run' : strcol('state')) with labels font ''.px(minof(17, cell * 0.19)) tc rgb ink notitle
        do for [i = 1:6] { unset label i }
    }
    unset multiplot
    unset output
}
