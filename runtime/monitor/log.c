/* The container's output as docker's json-file driver writes it: an object a line, files rotated by size. */

#define _GNU_SOURCE
#include "monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG "container.log"

long log_max_size;
int log_max_files = 1; /* 0 for no log at all */
static int log_fd = -1;
static off_t log_size;

int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

void log_open(void)
{
    struct stat status;

    if (!log_max_files)
        return;
    log_fd = open(LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_size = log_fd >= 0 && !fstat(log_fd, &status) ? status.st_size : 0;
}

static void rotate(void)
{
    char from[64], to[64];

    for (int number = log_max_files - 1; number > 0; number--) {
        snprintf(from, sizeof from, number > 1 ? LOG ".%d" : LOG, number - 1);
        snprintf(to, sizeof to, LOG ".%d", number);
        rename(from, to);
    }
    if (log_max_files <= 1)
        unlink(LOG);
    close(log_fd);
    log_open();
}

/* Bytes of the UTF-8 sequence at the start of the text, or 0 when it is none; see RFC 3629. */
static size_t sequence(const unsigned char *text, size_t left)
{
    size_t length = *text < 0x80 ? 1 : *text < 0xC2 ? 0 : *text < 0xE0 ? 2 : *text < 0xF0 ? 3 : *text < 0xF5 ? 4 : 0;

    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((*text == 0xE0 && text[1] < 0xA0) || (*text == 0xED && text[1] > 0x9F) || (*text == 0xF0 && text[1] < 0x90) ||
        (*text == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

static char *escape(char *next, const char *text, size_t size)
{
    for (size_t i = 0, length; i < size; i += length ?: 1) {
        unsigned char byte = text[i];

        length = sequence((const unsigned char *)text + i, size - i);
        if (!length)
            next = stpcpy(next, "\\ufffd");
        else if (byte == '\n')
            next = stpcpy(next, "\\n");
        else if (byte == '"' || byte == '\\')
            *next++ = '\\', *next++ = byte;
        else if (byte < 0x20 || byte == 0x7F)
            next += sprintf(next, "\\u%04x", byte);
        else
            next = mempcpy(next, text + i, length);
    }
    return next;
}

static void write_entry(struct stream *stream, size_t size)
{
    static char entry[6 * STEP + 128];
    int64_t time = now();
    time_t seconds = time / 1000000000;
    struct tm parts;
    char *next = escape(stpcpy(entry, "{\"log\":\""), stream->line, size);

    gmtime_r(&seconds, &parts);
    next += sprintf(next, "\",\"stream\":\"%s\",\"time\":\"", stream->name);
    next += strftime(next, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    next += sprintf(next, ".%09dZ\"}\n", (int)(time % 1000000000));
    if (log_max_size > 0 && log_size && log_size + (next - entry) > log_max_size)
        rotate();
    for (char *from = entry; from < next;) {
        ssize_t written = write(log_fd, from, next - from);

        if (written <= 0)
            return;
        from += written;
        log_size += written;
    }
}

/* How much of a full buffer to log, so that no character is cut in two. */
static size_t whole(const char *text, size_t size)
{
    for (size_t back = 1; back < 4 && back < size; back++) {
        unsigned char byte = text[size - back];

        if (byte >= 0xC0)
            return (byte >= 0xF0 ? 4u : byte >= 0xE0 ? 3u : 2u) > back ? size - back : size;
        if (byte < 0x80)
            return size;
    }
    return size;
}

static void take(struct stream *stream, size_t size)
{
    write_entry(stream, size);
    stream->length -= size;
    memmove(stream->line, stream->line + size, stream->length);
}

void log_output(struct stream *stream, const char *data, size_t size)
{
    while (log_max_files && size) {
        size_t space = sizeof stream->line - stream->length;
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) + 1 : size;
        bool is_whole = end && part <= space;

        part = part < space ? part : space;
        memcpy(stream->line + stream->length, data, part);
        stream->length += part;
        data += part;
        size -= part;
        if (is_whole)
            take(stream, stream->length);
        else if (stream->length == sizeof stream->line)
            take(stream, whole(stream->line, stream->length));
    }
}

void log_flush(struct stream *stream)
{
    if (stream->length)
        take(stream, stream->length);
}
