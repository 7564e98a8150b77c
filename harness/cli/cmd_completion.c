/* cmd_completion.c - `bench completion bash`: a script that completes commands, options, kinds and names.
 *
 * Commands come from the table of main.c; options, their values and choices from the help texts (help.h);
 * keys of --set from the option tables. Names that change (models, methods, sweeps, data) are asked of `bench
 * ls` when they are needed. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cmd.h"
#include "harness/cli/help.h"
#include "harness/core/method.h"
#include "harness/config/opt.h"
#include "harness/core/task.h"
#include "harness/base/util.h"

static const char functions[] = "# bash completion for bench, made by `bench completion bash`\n"
                                "_bench_give() { COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\")); }\n"
                                "_bench_files() { local IFS=$'\\n'; compopt -o filenames 2>/dev/null; "
                                "COMPREPLY+=($(compgen -f -- \"$cur\")); }\n"
                                "_bench_names() { _bench_give \"$(\"${COMP_WORDS[0]}\" ls \"$1\" --csv "
                                "2>/dev/null | tail -n +2 | cut -d, -f1)\"; }\n"
                                "_bench_keys() {\n"
                                "    compopt -o nospace 2>/dev/null\n"
                                "    _bench_give \"$_bench_set_keys\"\n"
                                "}\n";

/* Names that are literally part of a script. */
static bool is_plain(const char *s) {
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("-_.,|=", *s)) return false;
    return true;
}

/* What completes a value or an argument of this name; NULL: nothing can be known. Choices: *choices is set.
 */
static const char *completer_of(const char *value, bool *choices) {
    static const struct {
        const char *word, *call;
    } known[] = {
        {"SWEEP", "_bench_names sweeps; _bench_files"},
        {"MODEL", "_bench_names models; _bench_files"},
        {"KEY=VALUE", "_bench_keys"},
        {"NAME|FILE", "_bench_names data; _bench_files"},
        {"DATA", "_bench_names data; _bench_files"},
        {"FILE", "_bench_files"},
        {"DIR", "_bench_files"},
        {".npy", "_bench_files"},
        {"CORPUS", "_bench_files"},
        {"IDX", "_bench_files"},
    };
    *choices = false;
    if (!strcmp(value, "M")) return "_bench_names models; _bench_files";
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strstr(value, known[i].word)) return known[i].call;
    *choices = islower((unsigned char)*value) && is_plain(value);
    return NULL;
}

static void print_call(const char *value) {
    bool choices;
    const char *call = completer_of(value, &choices);
    if (call) {
        printf("%s", call);
    } else if (choices) {
        printf("_bench_give \"");
        for (const char *s = value; *s; s++) putchar(*s == '|' ? ' ' : *s);
        printf("\"");
    } else {
        printf(":"); /* bash: nothing to offer */
    }
}

/* Values of options: one case per option that takes one. */
static void print_values(const char *command, const struct help *h) {
    for (int i = 0; i < h->noptions; i++) {
        if (!h->options[i].value) continue;
        printf("    %s:%s) ", command, h->options[i].name);
        print_call(h->options[i].value);
        printf("; return ;;\n");
    }
}

static void print_command(const char *command, const struct help *h) {
    printf("    %s)\n        [[ $cur == -* ]] && _bench_give \"", command);
    for (int i = 0; i < h->noptions; i++) printf("%s%s", i ? " " : "", h->options[i].name);
    printf("\"\n");
    for (int i = 0; i < h->narguments; i++) {
        bool choices;
        if (!completer_of(h->arguments[i], &choices) && !choices) continue;
        printf("        [[ $cur == -* ]] || { ");
        print_call(h->arguments[i]);
        printf("; }\n");
    }
    if (!strcmp(command, "pull")) printf("        [[ $cur == -* ]] || _bench_names models\n");
    if (!strcmp(command, "help")) printf("        [[ $cur == -* ]] || _bench_give \"$_bench_commands\"\n");
    printf("        ;;\n");
}

static void print_keys_of(const struct opt *o, struct strbuf *seen) {
    for (; o && o->key; o++) {
        char *word = xasprintf(" %s= ", o->key);
        if (!seen->s || !strstr(seen->s, word)) {
            printf("%s=\\n", o->key);
            strbuf_adds(seen, word);
        }
        free(word);
    }
}

/* Each command's help, read. Caller releases all of them. */
static int read_all(struct help *h, struct err *e) {
    for (int i = 0; cmd_table[i].name; i++) {
        struct strbuf text = {0};
        if (!cmd_table[i].summary) continue;
        int rc = help_text(&cmd_table[i], &text, e);
        if (rc) return rc;
        help_parse(text.s ? text.s : "", cmd_table[i].name, &h[i]);
        strbuf_release(&text);
    }
    return 0;
}

static void print_script(const struct help *h) {
    struct strbuf seen = {0};
    printf("%s_bench_commands=\"", functions);
    for (int i = 0; cmd_table[i].name; i++)
        if (cmd_table[i].summary) printf("%s%s", i ? " " : "", cmd_table[i].name);
    printf("\"\n_bench_set_keys=$'");
    print_keys_of(opt_core, &seen);
    for (const struct method *const *m = method_list; *m; m++) print_keys_of((*m)->opts, &seen);
    for (const struct task *const *t = task_list; *t; t++) print_keys_of((*t)->opts, &seen);
    printf("'\n_bench() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} cmd=${COMP_WORDS[1]}\n"
           "    COMPREPLY=()\n"
           "    if ((COMP_CWORD == 1)); then _bench_give \"$_bench_commands --help --version\"; return; fi\n"
           "    [[ $cur == '=' ]] && { prev='='; cur=; } # bash splits at '='\n"
           "    if [[ $prev == '=' ]]; then\n"
           "        case ${COMP_WORDS[COMP_CWORD - 2]}${COMP_WORDS[COMP_CWORD - 1]} in\n"
           "        *method*) _bench_names methods ;;\n"
           "        *model*) _bench_names models ;;\n"
           "        *task*) _bench_names tasks ;;\n"
           "        esac\n"
           "        return\n"
           "    fi\n"
           "    case $cmd:$prev in\n");
    for (int i = 0; cmd_table[i].name; i++) print_values(cmd_table[i].name, &h[i]);
    printf("    esac\n    case $cmd in\n");
    for (int i = 0; cmd_table[i].name; i++)
        if (cmd_table[i].summary) print_command(cmd_table[i].name, &h[i]);
    printf("    esac\n}\ncomplete -F _bench bench\n");
    strbuf_release(&seen);
}

static int usage(int rc) {
    fputs("usage: bench completion bash\n"
          "A script for the shell that completes commands, options and names.\n\n"
          "examples:\n"
          "  source <(bench completion bash)\n"
          "  bench completion bash > ~/.local/share/bash-completion/completions/bench\n",
          rc ? stderr : stdout);
    return rc;
}

int cmd_completion(int argc, char **argv) {
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) return usage(0);
    if (argc != 2 || strcmp(argv[1], "bash") != 0) return usage(2);
    int n = 0;
    while (cmd_table[n].name) n++;
    struct help *h = xcalloc((size_t)n, sizeof *h);
    struct err e = {0};
    int rc = read_all(h, &e);
    if (!rc)
        print_script(h);
    else
        fprintf(stderr, "bench completion: %s\n", e.msg);
    for (int i = 0; i < n; i++) help_release(&h[i]);
    free(h);
    return rc ? err_exit_code(&e) : 0;
}
