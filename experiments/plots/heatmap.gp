# heatmap.gp - see harness/plot/plot_heat_panels.c. Panels of one grid, one colour scale; cells carry their value where it fits.
left  = 96 + maxof(2, ylab_width) * 12.5
gap   = 60
top   = 128
W     = npanel == 1 && nx <= 12 ? 1200 : 1600
rows  = (npanel + cols - 1) / cols
pw    = (W - left - 190 - gap * (cols - 1)) / real(cols)
ph    = minof(maxof(rows == 1 ? 560 : 420, ny * 40), 860)
ph    = square ? minof(pw * ny / nx, 860) : ph
pw    = square ? minof(pw, maxof(340, ph * nx / ny)) : pw      # not narrower than its title
step  = ph + 130
title_px = 25
do for [p = 1:npanel] { title_px = minof(title_px, (pw + gap / 2) / (maxof(1, strlen(panel[p])) * 0.68)) }
label_px = minof(25, (pw + gap / 2) / (maxof(1, strlen(xlabel)) * 0.6))
W     = square ? maxof(1000, left + 190 + cols * pw + (cols - 1) * gap) : W
H     = int(top + rows * step)
cell  = minof(pw / real(nx), 2.2 * ph / real(ny))
digits = strlen(sprintf(vfmt, abs(hi) > abs(lo) ? hi : lo))
vpx   = minof(24, cell * 0.9 / (digits * 0.6))
told  = vpx >= 11                                # values that one could not read are left to the colour
half  = told ? 0.47 : 0.5 + 0.8 * nx / pw        # without seams where cells are small
share(v) = (v - lo) / (hi - lo)
dark(v)  = maximize ? share(v) > 0.38 : share(v) < 0.62
clip(v)  = v < lo ? lo : v > hi ? hi : v
of(p)    = column('panel') == p
if (maximize) { set palette negative }

do for [fmt in formats] {
    eval start(fmt)
    unset label
    set multiplot
    set label 1 title at screen sx(30),sy(38) left font ''.bold(minof(30, (W - 60) / (strlen(title) * 0.68))) tc rgb ink
    set label 2 subtitle at screen sx(30),sy(80) left font ''.px(minof(25, (W - 60) / (strlen(subtitle) * 0.58))) tc rgb ink
    set label 3 ylabel at screen sx(34),sy(top + 36 + ((rows - 1) * step + ph) / 2.0) center rotate by 90 font ''.px(25) tc rgb ink
    set style fill solid 1.0 noborder
    set border 15 lc rgb '#999999' lw 0.8
    set tics scale 0
    set xrange [-0.5:nx - 0.5]
    set yrange [-0.5:ny - 0.5]
    set cbrange [lo:hi]
    do for [p = 1:npanel] {
        c = (p - 1) % cols; r = (p - 1) / cols
        l = left + c * (pw + gap); t = top + 36 + r * step
        eval panel_at(l, l + pw, t, t + ph)
        set label 5 panel[p] at screen sx(l + pw / 2),sy(t - 20) center font ''.bold(title_px) tc rgb ink
        set xtics () scale 0 font ''.px(22) tc rgb ink offset 0,0.1
        set for [i = 1:n_xlab] xtics add (xlab[i] i - 1)
        set ytics () scale 0 font ''.px(22) tc rgb ink
        if (c > 0) { unset ytics } else { set for [i = 1:n_ylab] ytics add (ylab[i] i - 1) }
        if (p > npanel - cols) { set label 6 xlabel at screen sx(l + pw / 2),sy(t + ph + 64) center font ''.px(label_px) tc rgb ink }
        unset colorbox
        if (p == npanel) {
            set cbtics tic_step font ''.px(22) tc rgb ink scale 0.4
            bl = left + cols * (pw + gap) - gap + 34
            set colorbox vertical user origin screen sx(bl),sy(top + 36 + (rows - 1) * step + ph) size screen sx(32),(((rows - 1) * step + ph) / real(H))
            set label 4 zlabel at screen sx(bl),sy(top + 12) left font ''.px(24) tc rgb ink
        }
        plot file.'.csv' using (of(p) && column('value') == column('value') ? column('x') : NaN):'y':(column('x') - half):(column('x') + half):(column('y') - half):(column('y') + half):(clip(column('value'))) \
                 with boxxyerror lc palette notitle, \
             '' using (of(p) && column('value') != column('value') ? column('x') : NaN):'y':(column('x') - half):(column('x') + half):(column('y') - half):(column('y') + half) \
                 with boxxyerror lc rgb pale notitle, \
             '' using (of(p) && column('mark') > 0 ? column('x') : NaN):'y':(column('x') - 0.46):(column('x') + 0.46):(column('y') - 0.46):(column('y') + 0.46) \
                 with boxxyerror lc rgb '#d00000' lw 2.5 fs empty notitle, \
             '' using (told && of(p) && column('value') == column('value') && dark(column('value')) ? column('x') : NaN):'y':(sprintf(vfmt, column('value'))) \
                 with labels font ''.px(vpx) tc rgb 'white' notitle, \
             '' using (told && of(p) && column('value') == column('value') && !dark(column('value')) ? column('x') : NaN):'y':(sprintf(vfmt, column('value'))) \
                 with labels font ''.px(vpx) tc rgb 'black' notitle, \
             '' using (of(p) && strcol('state') ne '' ? column('x') : NaN):'y':(strcol('state')) with labels font ''.px(minof(18, cell * 0.2)) tc rgb ink notitle
        do for [i = 1:6] { unset label i }
    }
    unset multiplot
    unset output
}
