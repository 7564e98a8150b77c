/* cmd.h - the commands. One per file, cmd_<name>.c; main.c holds the table of them.
 *
 * argv[0] is the command's own name. Each returns the exit code of the process: 0 done, 1 a run failed, 2 bad
 * usage or bad file, 3 missing resource or database busy, 130 after Ctrl-C. Only these files and main.c
 * print. */
#ifndef BENCH_CMD_H
#define BENCH_CMD_H

enum cmd_where {
    CMD_TALKS,
    CMD_COMPUTES,
    CMD_STARTS_WORKERS
}; /* where it computes: nowhere, here, in workers */

struct cmd {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: not listed */
    enum cmd_where where;
};
/* The table of main.c; ends with name NULL. */
extern const struct cmd cmd_table[];

/* What `bench --help` prints. */
void help_overview(void);

int cmd_run(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_tables(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_logits(int argc, char **argv);
int cmd_embed(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_pull(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_worker(int argc,
               char **argv); /* one run for `bench run`; speaks worker.h's protocol, no user calls it */

#endif
