/* The job, and what a request to run says: `key=value`, each ended by a null byte. */

#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void add_word(struct words *words, char *word) {
    /* Grows at each power of two. */
    if ((words->count & (words->count + 1)) == 0) {
        words->items = realloc(words->items, 2 * (words->count + 1) * sizeof *words->items);
        if (!words->items)
            die("no memory for", word);
    }
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void take(struct job *job, const char *key, char *value) {
    struct command *command = &job->command;
    struct { const char *key; struct words *words; } lists[] = {
        {"argv", &command->argv}, {"env", &command->env},
        {"boot_module", &job->boot_modules}, {"agent_module", &job->agent_modules},
        {"volume", &job->volumes},
    };
    struct { const char *key; const char **text; } texts[] = {
        {"nonce", &job->nonce}, {"root", &job->root}, {"type", &job->type}, {"hostname", &job->hostname},
        {"address", &job->address}, {"gateway", &job->gateway}, {"address6", &job->address6},
        {"gateway6", &job->gateway6}, {"resolv", &job->resolv},
        {"hosts", &job->hosts}, {"init", &job->init}, {"builtin", &command->builtin},
        {"user", &command->user}, {"directory", &command->directory}, {"mac", &job->mac},
        {"seed", &job->seed},
    };
    struct { const char *key; bool *flag; } flags[] = {
        {"read_only", &job->read_only}, {"hold", &job->hold}, {"input", &command->has_input},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!strcmp(key, lists[i].key))
            add_word(lists[i].words, value);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(key, texts[i].key))
            *texts[i].text = value;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(key, flags[i].key))
            *flags[i].flag = true;
    if (!strcmp(key, "tty"))
        command->tty = sscanf(value, "%hux%hu", &command->rows, &command->columns) == 2;
}

/* Fills the job, which must be zero; it points into the text from then on. */
void parse_job(char *text, size_t size, struct job *job) {
    char *end = text + size;
    while (text < end) {
        char *next = memchr(text, 0, end - text);
        char *value = strchr(text, '=');
        if (!next)
            return;
        if (value) {
            *value = 0;
            take(job, text, value + 1);
        }
        text = next + 1;
    }
}
