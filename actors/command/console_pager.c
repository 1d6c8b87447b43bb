/* SPDX-License-Identifier: MIT */
/* console_pager -- a long answer a screen at a time: space for the next screen, Enter for one line, q for no more. */
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "actors/command/console.h"

enum { ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80 };

static struct winsize screen(void)
{
    struct winsize size = { .ws_row = ROWS_DEFAULT, .ws_col = COLUMNS_DEFAULT };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2 || size.ws_col == 0)
        return (struct winsize){ .ws_row = ROWS_DEFAULT, .ws_col = COLUMNS_DEFAULT };
    return size;
}

/* How many rows of the screen a line takes, its colours left out. */
static size_t rows_of(const char *line, size_t size, size_t columns)
{
    size_t width = 0;

    for (size_t i = 0; i < size; i++) {
        if (line[i] == '\033')
            while (i + 1 < size && line[i] != 'm')
                i++;
        else
            width += (line[i] & 0xc0) != 0x80 ? 1 : 0; /* the first byte of a character */
    }
    return width == 0 ? 1 : (width + columns - 1) / columns;
}

/* One key, without Enter; 'q' when there is no terminal to ask. */
static char read_key(void)
{
    struct termios before;
    struct termios raw;
    char key = 'q';

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return key;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    if (read(STDIN_FILENO, &key, 1) != 1)
        key = 'q';
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return key;
}

static size_t ask_for_more(size_t rows)
{
    char key;

    fputs("\033[7m-- more: space, Enter, q --\033[0m", stdout);
    fflush(stdout);
    key = read_key();
    fputs("\r\033[K", stdout);
    return key == 'q' || key == 3 ? 0 : key == '\n' || key == '\r' ? 1 : rows;
}

void console_page(const char *text, size_t size)
{
    struct winsize at = screen();
    size_t room = at.ws_row - 1u;
    size_t left = room;
    size_t begin = 0;

    while (begin < size) {
        const char *newline = memchr(text + begin, '\n', size - begin);
        size_t end = newline != NULL ? (size_t)(newline - text) + 1 : size;
        size_t rows = rows_of(text + begin, end - begin - (newline != NULL ? 1 : 0), at.ws_col);

        if (rows > left && (left = ask_for_more(room)) == 0)
            break;
        fwrite(text + begin, 1, end - begin, stdout);
        left -= rows < left ? rows : left;
        begin = end;
    }
    fflush(stdout);
}
