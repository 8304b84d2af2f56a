/* Becoming the image's program: its user, working directory and environment. */

#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The statuses that docker-run(1) has. */
#define REFUSED 125
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127
#define MOST_GROUPS 256

struct account {
    uid_t uid;
    gid_t gid, groups[MOST_GROUPS];
    size_t count;
    char name[256], home[PATH_MAX];
};

static void refuse(const char *format, const char *which) __attribute__((noreturn, format(printf, 1, 0)));

static void refuse(const char *format, const char *which) {
    dprintf(STDERR_FILENO, format, which);
    _exit(REFUSED);
}

static bool is_number(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return digits && digits < 11 && !text[digits] && strtoull(text, NULL, 10) <= UINT32_MAX;
}

/* passwd(5) or group(5), row by row. */
struct table {
    FILE *file;
    char *line, *fields[7];
    size_t size;
};

/* Goes to the next row with enough fields, the third being a number. */
static bool next_row(struct table *table, size_t needed) {
    while (table->file && getline(&table->line, &table->size, table->file) > 0) {
        char *rest = table->line;
        size_t found = 0;
        rest[strcspn(rest, "\n")] = 0;
        while (found < 7 && (table->fields[found] = strsep(&rest, ":")))
            found++;
        for (size_t i = found; i < 7; i++)
            table->fields[i] = "";
        if (found >= needed && is_number(table->fields[2]))
            return true;
    }
    free(table->line);
    if (table->file)
        fclose(table->file);
    return false;
}

static bool find_user(const char *wanted, struct account *account) {
    struct table table = {.file = fopen("/etc/passwd", "re")};
    bool found = false;
    while (next_row(&table, 4)) {
        char **fields = table.fields;
        bool is_wanted = !strcmp(fields[0], wanted) || !strcmp(fields[2], wanted);
        if (found || !is_wanted || !is_number(fields[3]))
            continue;
        found = true;
        account->uid = strtoul(fields[2], NULL, 10);
        account->gid = strtoul(fields[3], NULL, 10);
        snprintf(account->name, sizeof account->name, "%s", fields[0]);
        snprintf(account->home, sizeof account->home, "%s", *fields[5] ? fields[5] : "/");
    }
    return found;
}

static bool is_member(char *members, const char *name) {
    for (char *member; (member = strsep(&members, ","));)
        if (*name && !strcmp(member, name))
            return true;
    return false;
}

/* The id of the group of that name, or without a name all groups of the account. */
static bool find_groups(const char *name, struct account *account) {
    struct table table = {.file = fopen("/etc/group", "re")};
    bool found = false;
    while (next_row(&table, 3)) {
        gid_t gid = strtoul(table.fields[2], NULL, 10);
        if (name && !found && !strcmp(table.fields[0], name)) {
            account->gid = gid;
            found = true;
        } else if (!name && is_member(table.fields[3], account->name) && account->count < MOST_GROUPS) {
            account->groups[account->count++] = gid;
        }
    }
    return found;
}

/* `name|uid[:group|gid]` by the image's own files, as a container takes it. */
static void find_account(const char *user, struct account *account) {
    char name[256];
    const char *colon = strchr(user, ':');
    snprintf(name, sizeof name, "%.*s", (int)(colon ? colon - user : (long)strlen(user)), user);
    if (!*name)
        strcpy(name, "0");
    strcpy(account->home, "/");
    if (!find_user(name, account)) {
        if (!is_number(name))
            refuse("tarevm: no user '%s' in the image; give a number or a name from its /etc/passwd\n", name);
        account->uid = strtoul(name, NULL, 10);
    }
    if (!colon || !colon[1])
        find_groups(NULL, account);
    else if (is_number(colon + 1))
        account->gid = strtoul(colon + 1, NULL, 10);
    else if (!find_groups(colon + 1, account))
        refuse("tarevm: no group '%s' in the image; give a number or a name from its /etc/group\n",
               colon + 1);
}

static void enter_directory(const char *path) {
    make_directories(path);
    if (chdir(path) < 0) {
        dprintf(STDERR_FILENO, "tarevm: can't enter the working directory %s: %s\n", path, strerror(errno));
        _exit(REFUSED);
    }
}

static const char *variable(const struct words *environment, const char *name) {
    size_t length = strlen(name);
    const char *value = NULL;
    for (size_t i = 0; i < environment->count; i++)
        if (!strncmp(environment->items[i], name, length) && environment->items[i][length] == '=')
            value = environment->items[i] + length + 1;
    return value;
}

static void fail(const char *program, int number) {
    char reason[128];
    snprintf(reason, sizeof reason, "%s", strerror(number));
    reason[0] = tolower(reason[0]);
    if (number == ENOENT && !strchr(program, '/'))
        strcpy(reason, "executable file not found in $PATH");
    dprintf(STDERR_FILENO, "tarevm: exec: \"%s\": %s\n", program, reason);
    _exit(number == ENOENT || number == ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Takes the program of that name which comes first in PATH, as exec.LookPath of runc does. */
static void execute(const struct command *command, const struct words *environment) {
    const char *program = command->argv.items[0], *path = variable(environment, "PATH");
    char candidate[PATH_MAX];
    int number = ENOENT;
    if (strchr(program, '/')) {
        execve(program, command->argv.items, environment->items);
        fail(program, errno);
    }
    for (const char *part = path ? path : DEFAULT_PATH, *next; part; part = next) {
        struct stat about;
        int length = strcspn(part, ":");
        next = part[length] ? part + length + 1 : NULL;
        snprintf(candidate, sizeof candidate, "%.*s%s%s", length, part, length ? "/" : "./", program);
        if (stat(candidate, &about) < 0 || S_ISDIR(about.st_mode))
            continue;
        if (access(candidate, X_OK) == 0) {
            execve(candidate, command->argv.items, environment->items);
            fail(program, errno);
        }
        number = EACCES;
    }
    fail(program, number);
}

/* Its descriptors are in place and it leads a session of its own. */
void run_command(const struct command *command) {
    struct account account = {0};
    struct words environment = {0};
    char home[PATH_MAX + 8];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (!command->argv.count)
        refuse("tarevm: there is nothing to run%s\n", "");
    find_account(command->user ? command->user : "0", &account);
    for (size_t i = 0; i < command->env.count; i++)
        add_word(&environment, command->env.items[i]);
    if (!variable(&environment, "PATH"))
        add_word(&environment, "PATH=" DEFAULT_PATH);
    if (!variable(&environment, "HOME")) {
        snprintf(home, sizeof home, "HOME=%s", account.home);
        add_word(&environment, home);
    }
    enter_directory(command->directory && *command->directory ? command->directory : "/");
    if (setgroups(account.count, account.groups) < 0 || setgid(account.gid) < 0 || setuid(account.uid) < 0)
        refuse("tarevm: can't become the user %s\n", command->user);
    execute(command, &environment);
    _exit(NOT_FOUND);
}
