/* Files in and out as a stream of entries; docs/vm-guest.md has their form. */

#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 36 bytes, little endian as both ends are: no padding between the fields. */
struct head {
    uint32_t kind, mode, uid, gid;
    int64_t time;
    uint64_t size;
    uint32_t length;
} __attribute__((packed));

enum kind { END, DIRECTORY, FILE_DATA, SYMBOLIC_LINK, HARD_LINK };

struct seen {
    dev_t device;
    ino_t number;
    char *path;
};

static struct seen *seen;
static size_t seen_count;
static char piece[64 << 10];

static void fail(const char *what, const char *path) {
    dprintf(STDERR_FILENO, "can't %s %s: %s\n", what, path, strerror(errno));
    _exit(1);
}

static void read_all(void *into, size_t size) {
    for (ssize_t got; size; size -= got, into = (char *)into + got)
        if ((got = read(STDIN_FILENO, into, size)) <= 0)
            _exit(1);
}

static void write_all(int file, const void *from, size_t size, const char *path) {
    for (ssize_t done; size; size -= done, from = (const char *)from + done)
        if ((done = write(file, from, size)) < 0)
            fail("write", path);
}

/* Where an entry goes; both parts may be empty. */
static void join(char *into, const char *directory, const char *name) {
    if (snprintf(into, PATH_MAX, "%s%s%s", directory, *name ? "/" : "", name) >= PATH_MAX)
        errno = ENAMETOOLONG, fail("copy", name);
}

static bool is_zero(const char *data, size_t size) {
    return !*data && !memcmp(data, data + 1, size - 1);
}

/* Zeros become holes, as a guest may have less memory than a file has bytes. */
static void take_data(const char *path, uint64_t size) {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (file < 0)
        fail("make", path);
    if (ftruncate(file, size) < 0)
        fail("write", path);
    for (size_t some; size; size -= some) {
        some = size < sizeof piece ? size : sizeof piece;
        read_all(piece, some);
        if (!is_zero(piece, some))
            write_all(file, piece, some, path);
        else if (lseek(file, some, SEEK_CUR) < 0)
            fail("write", path);
    }
    close(file);
}

static void take_target(char *target, uint64_t size) {
    if (size >= PATH_MAX)
        _exit(1);
    read_all(target, size);
    target[size] = 0;
}

static void take_entry(const struct head *head, const char *base, const char *path) {
    struct timespec times[2] = {{head->time / 1000000000, head->time % 1000000000}};
    char target[PATH_MAX], other[PATH_MAX];
    struct stat about;
    /* What the target names may be a link to a directory; nothing below it is followed. */
    bool there = (head->length ? lstat : stat)(path, &about) == 0;
    bool has_directory = there && S_ISDIR(about.st_mode);
    times[1] = times[0];
    if (there && has_directory != (head->kind == DIRECTORY))
        errno = has_directory ? EISDIR : ENOTDIR, fail("replace", path);
    if (there && !has_directory)
        unlink(path);
    if (head->kind == DIRECTORY && !has_directory && mkdir(path, 0700) < 0)
        fail("make", path);
    if (head->kind == FILE_DATA)
        take_data(path, head->size);
    if (head->kind == SYMBOLIC_LINK || head->kind == HARD_LINK)
        take_target(target, head->size);
    if (head->kind == SYMBOLIC_LINK && symlink(target, path) < 0)
        fail("make", path);
    if (head->kind == HARD_LINK) {
        join(other, base, target);
        if (link(other, path) < 0)
            fail("make", path);
        return;
    }
    if (lchown(path, head->uid, head->gid) < 0)
        fail("give away", path);
    if (head->kind != SYMBOLIC_LINK && chmod(path, head->mode) < 0)
        fail("set the mode of", path);
    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

/* Takes entries from standard input to the target, or as `name` into it when it is a directory. */
int copy_in(const char *target, const char *name) {
    char base[PATH_MAX], path[PATH_MAX], below[PATH_MAX];
    struct stat about;
    struct head head;
    if (stat(target, &about) == 0 && S_ISDIR(about.st_mode))
        join(base, target, name);
    else if (*name)
        join(base, target, "");
    else
        errno = ENOENT, fail("copy into", target);
    for (;;) {
        read_all(&head, sizeof head);
        if (head.kind == END)
            return 0;
        if (head.length >= PATH_MAX)
            return 1;
        read_all(below, head.length);
        below[head.length] = 0;
        join(path, base, below);
        take_entry(&head, base, path);
    }
}

static void give(enum kind kind, const struct stat *about, const char *path, uint64_t size) {
    int64_t time = about->st_mtim.tv_sec * INT64_C(1000000000) + about->st_mtim.tv_nsec;
    struct head head = {kind, about->st_mode & 07777, about->st_uid, about->st_gid, time, size, strlen(path)};
    write_all(STDOUT_FILENO, &head, sizeof head, path);
    write_all(STDOUT_FILENO, path, head.length, path);
}

/* The first name of a file that has several, or null when this is it. */
static const char *first_name(const struct stat *about, const char *path) {
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].device == about->st_dev && seen[i].number == about->st_ino)
            return seen[i].path;
    if ((seen_count & (seen_count - 1)) == 0)
        seen = realloc(seen, 2 * (seen_count + 1) * sizeof *seen);
    seen[seen_count++] = (struct seen){about->st_dev, about->st_ino, strdup(path)};
    return NULL;
}

/* Exactly as many bytes as were announced: a file may shrink or grow meanwhile. */
static void give_data(const struct stat *about, const char *source, const char *path) {
    int file = open(source, O_RDONLY | O_NOFOLLOW);
    uint64_t left = about->st_size;
    if (file < 0)
        fail("read", source);
    give(FILE_DATA, about, path, left);
    while (left) {
        ssize_t got = read(file, piece, left < sizeof piece ? left : sizeof piece);
        if (got < 0)
            fail("read", source);
        if (got == 0) {
            got = left < sizeof piece ? left : sizeof piece;
            memset(piece, 0, got);
        }
        write_all(STDOUT_FILENO, piece, got, path);
        left -= got;
    }
    close(file);
}

static void give_tree(const char *source, const char *path);

static void give_directory(const char *source, const char *path) {
    DIR *directory = opendir(source);
    if (!directory)
        fail("read", source);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char inner[PATH_MAX], below[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        join(inner, source, entry->d_name);
        if (*path)
            join(below, path, entry->d_name);
        else
            strcpy(below, entry->d_name);
        give_tree(inner, below);
    }
    closedir(directory);
}

static void give_tree(const char *source, const char *path) {
    struct stat about;
    const char *first = NULL;
    char target[PATH_MAX];
    if (lstat(source, &about) < 0)
        fail("find", source);
    if (S_ISREG(about.st_mode) && about.st_nlink > 1)
        first = first_name(&about, path);
    if (S_ISDIR(about.st_mode)) {
        give(DIRECTORY, &about, path, 0);
        give_directory(source, path);
        /* Again, for what was made in it has changed its time. */
        give(DIRECTORY, &about, path, 0);
    } else if (first) {
        give(HARD_LINK, &about, path, strlen(first));
        write_all(STDOUT_FILENO, first, strlen(first), path);
    } else if (S_ISREG(about.st_mode)) {
        give_data(&about, source, path);
    } else if (S_ISLNK(about.st_mode)) {
        ssize_t size = readlink(source, target, sizeof target);
        if (size < 0)
            fail("read", source);
        give(SYMBOLIC_LINK, &about, path, size);
        write_all(STDOUT_FILENO, target, size, path);
    } else {
        dprintf(STDERR_FILENO, "%s is no file, directory or link and was left out\n", source);
    }
}

/* Gives a file, or a directory with all below it, on standard output. */
int copy_out(const char *source) {
    struct stat none = {0};
    give_tree(source, "");
    give(END, &none, "", 0);
    return 0;
}
