/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_completion.c - `bench completion SHELL`: a script that completes commands, options and names.
 *
 * The scripts only carry words to `bench complete` and its answer back (complete.h): what is offered follows
 * from the commands' rows, the registries and the record. */
#include <stdio.h>
#include <string.h>

#include "harness/cli/command.h"

/* bash cuts words at '=' and ':', and what is offered must begin after the last cut. */
static const char bash_script[] =
    "# bash completion for bench, made by `bench completion bash`\n"
    "_bench() {\n"
    "    local i joined=0 word line last name IFS=$'\\n'\n"
    "    local -a words=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((${#words[@]})) && [[ $joined == 1 || $word == [=:] ]]; then\n"
    "            words[${#words[@]}-1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "        [[ $word == [=:] ]] && joined=1 || joined=0\n"
    "    done\n"
    "    last=${words[${#words[@]}-1]}\n"
    "    COMPREPLY=()\n"
    "    while read -r line; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            COMPREPLY+=($(compgen -f -- \"${last##*[=:]}\"))\n"
    "            continue\n"
    "        fi\n"
    "        name=${line%%$'\\t'*}\n"
    "        [[ $last == *[=:]* ]] && name=${name#\"${last%[=:]*}\"[=:]}\n"
    "        [[ $name == *= ]] && compopt -o nospace 2>/dev/null\n"
    "        [[ $name == *[!a-zA-Z0-9_./:=,@%+-]* ]] && printf -v name %q \"$name\"\n"
    "        COMPREPLY+=(\"$name\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" complete -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _bench bench\n";

static const char zsh_script[] =
    "#compdef bench\n"
    "# zsh completion for bench, made by `bench completion zsh`\n"
    "_bench() {\n"
    "    local line name about\n"
    "    local -a whole open\n"
    "    local files=0\n"
    "    for line in \"${(@f)$(\"${words[1]}\" complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        if [[ $line == :files ]]; then\n"
    "            files=1\n"
    "            continue\n"
    "        fi\n"
    "        [[ -n $line ]] || continue\n"
    "        name=${line%%$'\\t'*} about=${line#*$'\\t'}\n"
    "        name=${name//:/\\\\:}\n"
    "        if [[ $name == *= ]]; then open+=(\"$name:$about\"); else whole+=(\"$name:$about\"); fi\n"
    "    done\n"
    "    (($#whole)) && _describe -V bench whole\n"
    "    (($#open)) && _describe -V bench open -S ''\n"
    "    if ((files)); then\n"
    "        compset -P '*='\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _bench ]]; then _bench \"$@\"; else compdef _bench bench; fi\n";

static const char fish_script[] =
    "# fish completion for bench, made by `bench completion fish`\n"
    "function __bench_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    for line in (command $words[1] complete -- $words[2..-1] 2>/dev/null)\n"
    "        if test \"$line\" = :files\n"
    "            __fish_complete_path (string replace -r '^.*=' '' -- (commandline -ct))\n"
    "        else\n"
    "            echo $line\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c bench -f -a '(__bench_complete)'\n";

struct options {
    const char *shell;
};

static int run_completion(void *options, struct err *e) {
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    const struct options *o = options;
    (void)e;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (!strcmp(scripts[i].shell, o->shell)) fputs(scripts[i].script, stdout);
    return 0;
}

static const struct option_row completion_options[] = {
    {NULL, 0, AT_CHOICE(shell), "SHELL", "which shell", .choices = "bash|zsh|fish", .required = true}, {0}};

const struct command cmd_completion = {
    .name = "completion",
    .summary = "a script that completes commands, options and names in bash, zsh or fish",
    .about =
        "Print a script that completes commands, options, keys of a sweep file, and the names of models, "
        "methods, data, sweeps and runs that are there. `make install` puts all three where the shells "
        "look.",
    .rows = completion_options,
    .size = sizeof(struct options),
    .examples = "source <(bench completion bash)\n"
                "bench completion zsh > ~/.zfunc/_bench        # with ~/.zfunc in fpath\n"
                "bench completion fish > ~/.config/fish/completions/bench.fish\n",
    .run = run_completion,
};
