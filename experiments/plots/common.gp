# common.gp - what every plot shares: one look for PNG, SVG and PDF, the palette, a few functions.
# All coordinates of layouts are pixels of a picture W wide and H high; text sizes too (px).
set encoding utf8
set datafile separator comma
set datafile columnheaders
set datafile missing 'nan'

ink  = '#222222'
grey = '#777777'
pale = '#e4e4e4'

# viridis; dark is good. Drawn reversed where higher is better.
set palette defined (0 '#440154', 1 '#482878', 2 '#3e4989', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', \
                     6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')

# The cairo terminals count points at 96 dpi, svg counts pixels.
px(n) = sprintf('DejaVu Sans,%g', is_png ? n * 0.75 : n)
bold(n) = sprintf('DejaVu Sans Bold,%g', is_png ? n * 0.75 : n)
is_png = 1
size_of(fmt) = fmt eq 'pdf' ? sprintf('%gin,%gin', W / 96.0, H / 96.0) : sprintf('%d,%d', W, H)
# eval start('png') opens <file>.png
start(fmt) = sprintf("is_png = %d; set terminal %s size %s font ''.px(22) noenhanced background 'white' linewidth 1.6%s; set output '%s.%s'", \
                     fmt ne 'svg', fmt eq 'svg' ? 'svg' : fmt.'cairo', size_of(fmt), fmt eq 'svg' ? ' dynamic' : '', file, fmt)
sx(x) = x / real(W)
sy(y) = 1 - y / real(H)      # pixels from the top
# eval panel_at(l, r, t, b): margins in pixels
panel_at(l, r, t, b) = sprintf('set lmargin at screen %g; set rmargin at screen %g; set tmargin at screen %g; set bmargin at screen %g', \
                               sx(l), sx(r), sy(t), sy(b))
maxof(a, b) = a > b ? a : b
minof(a, b) = a < b ? a : b
# points of one size in both
dot(n) = is_png ? n : n * 0.44
set dashtype 2 (6,3)
set dashtype 3 (2,2)
set dashtype 4 (8,3,2,3)
set dashtype 5 (12,3)
