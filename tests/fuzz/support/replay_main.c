/* SPDX-License-Identifier: MIT */
/*
 * replay_main -- runs a fuzz target over stored inputs, without a fuzzer.
 *
 * Every argument is a file, or a folder whose files are all tried (not its sub-folders). What once broke a parser is
 * kept under tests/fuzz/regressions and replayed by every compiler and sanitizer, so it cannot come back unseen. A
 * folder that does not exist holds no inputs; an input that cannot be read fails the run. The empty input is always
 * tried first: it is the one everybody forgets.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* More than any input a fuzzer keeps; libFuzzer's own default limit is 4 KiB when a corpus is empty. */
#define REPLAY_INPUT_LIMIT_BYTES (16U * 1024U * 1024U)

static size_t replayed;

static void replay(const uint8_t *data, size_t size)
{
    (void)LLVMFuzzerTestOneInput(data, size);
    replayed++;
}

static int replay_file(const char *path, size_t size)
{
    if (size > REPLAY_INPUT_LIMIT_BYTES) {
        fprintf(stderr, "%s: larger than %u bytes; make the input smaller\n", path, REPLAY_INPUT_LIMIT_BYTES);
        return -1;
    }
    FILE *file = fopen(path, "rb");
    /* Exactly the input's size, so that a sanitizer sees a read one byte past its end. */
    uint8_t *data = malloc(size > 0 ? size : 1);
    int result = -1;

    if (file != NULL && data != NULL && fread(data, 1, size, file) == size) {
        replay(data, size);
        result = 0;
    } else {
        fprintf(stderr, "%s: cannot read: %s\n", path, strerror(errno));
    }
    if (file != NULL)
        (void)fclose(file);
    free(data);
    return result;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    int result = 0;

    if (folder == NULL) {
        fprintf(stderr, "%s: cannot read: %s\n", path, strerror(errno));
        return -1;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char *file = NULL;
        struct stat status;

        if (asprintf(&file, "%s/%s", path, entry->d_name) < 0)
            abort();
        if (stat(file, &status) == 0 && S_ISREG(status.st_mode) && replay_file(file, (size_t)status.st_size) != 0)
            result = -1;
        free(file);
    }
    (void)closedir(folder);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;

    replay((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct stat status;

        if (stat(argv[i], &status) != 0) {
            if (errno == ENOENT)
                continue;
            fprintf(stderr, "%s: cannot read: %s\n", argv[i], strerror(errno));
            result = -1;
        } else if (S_ISDIR(status.st_mode) ? replay_folder(argv[i]) != 0
                                           : replay_file(argv[i], (size_t)status.st_size) != 0) {
            result = -1;
        }
    }
    printf("%zu inputs replayed\n", replayed);
    return result == 0 ? 0 : 1;
}
