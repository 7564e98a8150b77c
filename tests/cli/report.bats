#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bench report: one page, readable without script, used with it (in headless Chromium where there is one).

setup() {
    BENCH=${BENCH:-$PWD/bench}
    HERE=$BATS_TEST_DIRNAME
    MAKE=$PWD/${BUILD:-build}/tests/unit/test_plot
    D=$BATS_TEST_TMPDIR
}

browse() { # ARGUMENTS: the page after its scripts ran
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$D/browser" "$@" 2>/dev/null 3>&-
}

@test "a page holds everything: facts, comparison, plots, runs, failures, provenance; nothing from elsewhere" {
    "$MAKE" lr "$D/a.db"
    run "$BENCH" report --db "$D/a.db"
    [ "$status" -eq 0 ]
    [ "$output" = "$(realpath "$D")/report.html" ]
    python3 - "$D/report.html" <<'PY'
import html.parser, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
for want in ("<title>bench report</title>", "Each method at its best configuration", "this sweep can tell differences of about", "Pareto fronts", "Control arms",
             "<figure>", "What did not end well", "diverged", "bench run /sweeps/x.yaml", "SHA-256", "5e-4", "untouched base", "Claims of papers"):
    assert want in text, want
assert not re.search(r'(src|href)="?(https?:)?//', text), "loads something"
assert "default-src 'none'" in text
assert text.count("<section") == text.count("</section>") == 2
open_tags = []
class Check(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag in ("section", "table", "details", "figure", "dl", "ul", "pre", "svg", "div"): open_tags.append(tag)
    def handle_endtag(self, tag):
        if tag in ("section", "table", "details", "figure", "dl", "ul", "pre", "svg", "div"):
            assert open_tags.pop() == tag, tag
Check().feed(text)
assert not open_tags, open_tags
PY
}

@test "hostile names are text" {
    "$MAKE" hostile "$D/a.db"
    "$BENCH" report --db "$D/a.db" -o "$D/r.html" --no-plots # what gnuplot does with such names: test_plot
    python3 - "$D/r.html" <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
assert "&lt;&amp;" in text
assert len(re.findall("<script", text)) == 2
body = re.sub(r"<script.*?</script>", "", text, flags=re.S)
assert "'\"<&" not in body
PY
}

@test "5,000 runs stay under 5 MB, and most rows wait as text" {
    "$MAKE" rank-full "$D/a.db"
    python3 "$HERE/many_runs.py" "$D/a.db" 9
    "$BENCH" report --db "$D/a.db" -o "$D/r.html" --no-plots # which add a megabyte, whatever the number of runs
    [ "$(stat -c %s "$D/r.html")" -lt 3500000 ]
    python3 - "$D/r.html" <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
table = text[text.index('class="wide runs"'):]
assert table[:table.index("</table>")].count("<tr") == 201
rest = re.search(r'class="rest">.*?<pre>(.*?)</pre>', text, re.S).group(1)
assert len(rest.splitlines()) == 5500 - 200
assert all(line.count("\t") == 13 for line in rest.splitlines())
PY
}

@test "several sweeps, one of them, none of them" {
    "$MAKE" smoke "$D/a.db"
    run "$BENCH" report smoke --db "$D/a.db" -o "$D/r.html" --no-plots
    [ "$status" -eq 0 ]
    ! grep -q "<figure>" "$D/r.html"
    run "$BENCH" report nothing --db "$D/a.db" -o "$D/s.html"
    [ "$status" -eq 2 ]
    [ ! -e "$D/s.html" ]
    "$MAKE" empty "$D/b.db"
    run "$BENCH" report --db "$D/b.db" -o "$D/e.html" # a sweep without a finished run is a page that says so
    [ "$status" -eq 0 ]
    grep -q "No run is finished yet" "$D/e.html"
}

@test "without gnuplot the page says what is missing" {
    "$MAKE" smoke "$D/a.db"
    PATH=/nowhere "$BENCH" report --db "$D/a.db" -o "$D/r.html"
    grep -q "gnuplot is not installed" "$D/r.html"
}

@test "in a browser: loads without error, sorts, filters, shows curves, by keyboard too" {
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "no Chromium"
    "$MAKE" rank-full "$D/a.db"
    "$BENCH" report --db "$D/a.db" -o "$D/r.html"
    browse --dump-dom "file://$D/r.html" >"$D/dom.html"
    grep -q '<html lang="en" class="js">' "$D/dom.html" # its script ran, so the content policy lets it
    python3 "$HERE/report_drive.py" "$D/r.html" "$D/drive.html"
    browse --dump-dom "file://$D/drive.html" >"$D/seen.html"
    python3 - "$D/seen.html" <<'PY'
import html, json, re, sys
seen = json.loads(html.unescape(re.search(r"<title>(\{.*?)</title>", open(sys.argv[1], encoding="utf-8").read()).group(1)))
assert seen["errors"] == 0 and seen["rows"] == 200, seen
assert seen["up"] == sorted(seen["up"]) and float(seen["up"][0]) < 3.2 and seen["aria"] == "ascending", seen
assert float(seen["down"][0]) == 5.21, seen
assert all(m.endswith("MiB") for m in seen["memory"]), seen
assert seen["filtered"] == "18 of 550 runs" and seen["methods"] == ["vera"], seen
assert seen["second"] and seen["curve"] == "block" and seen["points"] == 3 and seen["gone"] == "none", seen
assert seen["pictures"] == 9 and seen["ids_differ"], seen
PY
}

@test "what tells the runs of one method apart has a column, where there is such a thing" {
    "$MAKE" rates "$D/a.db"
    "$BENCH" report --db "$D/a.db" -o "$D/r.html"
    grep -q '>settings</button>' "$D/r.html"
    grep -q '<td>loraplus_lr_ratio=16<td' "$D/r.html"
    "$MAKE" full-only "$D/b.db"
    "$BENCH" report --db "$D/b.db" -o "$D/s.html"
    ! grep -q '>settings</button>' "$D/s.html"
}
