/* SPDX-License-Identifier: MIT */
/* zpl -- see zpl.h. This half reads; zpl_tree.c walks, changes and writes what was read. */
#include "runtime/plan/zpl.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

struct zpl_reader {
    struct mistakes *mistakes;
    struct arena *arena;
    struct zpl_node *open[ZPL_DEPTH_LIMIT]; /* the node that a line of this level goes below; NULL: none is open */
    int line;
    bool quiet; /* deeper lines are wrong only because of one that has been told of */
};

/* What is left of a line while it is read. */
struct rest {
    const char *at;
    const char *end;
};

static bool is_name_character(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("$-_@.&+", c) != NULL);
}

static void skip_blanks(struct rest *rest)
{
    while (rest->at < rest->end && (*rest->at == ' ' || *rest->at == '\t'))
        rest->at++;
}

/* Control characters hide in an editor, and a tab's width is anybody's guess. A line with tabs is told of and still
 * read, as if each were four spaces. */
static bool can_be_read(struct zpl_reader *reader, struct rest line)
{
    if (line.end - line.at > ZPL_LINE_LIMIT) {
        mistake_at(reader->mistakes, reader->line, "", "the line has more than %d bytes", ZPL_LINE_LIMIT);
        return false;
    }
    for (const char *c = line.at; c < line.end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            mistake_at(reader->mistakes, reader->line, "", "a control character (0x%02x)", (unsigned char)*c);
            return false;
        }
    if (memchr(line.at, '\t', (size_t)(line.end - line.at)) != NULL)
        mistake_at(reader->mistakes, reader->line, "", "a tab; indent by four spaces a level");
    return true;
}

/* The text between quotes; *rest moves behind it. */
static const char *read_quoted(struct zpl_reader *reader, struct rest *rest)
{
    char quote = *rest->at++;
    const char *end = memchr(rest->at, quote, (size_t)(rest->end - rest->at));

    if (end == NULL) {
        mistake_at(reader->mistakes, reader->line, "", "the closing quote (%c) is missing", quote);
        return NULL;
    }

    const char *value = arena_text(reader->arena, rest->at, (size_t)(end - rest->at));

    rest->at = end + 1;
    skip_blanks(rest);
    if (rest->at < rest->end && *rest->at != '#') {
        mistake_at(reader->mistakes, reader->line, "", "nothing but a comment may follow the closing quote");
        return NULL;
    }
    rest->at = rest->end;
    return value;
}

static const char *read_plain(struct zpl_reader *reader, struct rest *rest)
{
    const char *start = rest->at;
    const char *end = memchr(start, '#', (size_t)(rest->end - start));

    if (end == NULL)
        end = rest->end;
    else if (end > start && end[-1] != ' ') { /* zconfig would cut there */
        mistake_at(reader->mistakes, reader->line, "",
                   "a # inside the value: put the value into quotes, or a blank before "
                   "the comment");
        return NULL;
    }
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    rest->at = rest->end;
    return arena_text(reader->arena, start, (size_t)(end - start));
}

/* What follows a name. False when the line is wrong; *ret_value stays NULL for a section. */
static bool read_value(struct zpl_reader *reader, struct rest *rest, const char *name, const char **ret_value)
{
    skip_blanks(rest);
    if (rest->at == rest->end || *rest->at == '#')
        return true;
    if (*rest->at != '=') {
        mistake_at(reader->mistakes, reader->line, "", "after '%s' comes '= VALUE' or the end of the line", name);
        return false;
    }
    rest->at++;
    skip_blanks(rest);
    if (rest->at < rest->end && (*rest->at == '"' || *rest->at == '\''))
        *ret_value = read_quoted(reader, rest);
    else
        *ret_value = read_plain(reader, rest);
    return *ret_value != NULL;
}

/* Hangs a node below `parent`, at the end. */
static void add_child(struct zpl_node *parent, struct zpl_node *node)
{
    struct zpl_node **last = &parent->children;

    while (*last != NULL)
        last = &(*last)->next;
    *last = node;
    node->parent = parent;
}

/* The level of a line, from its indentation, which it skips. */
static size_t read_level(struct zpl_reader *reader, struct rest *rest)
{
    size_t blanks = 0;

    for (; rest->at < rest->end && (*rest->at == ' ' || *rest->at == '\t'); rest->at++)
        blanks += *rest->at == '\t' ? 4 : 1;
    if (blanks % 4 != 0)
        mistake_at(reader->mistakes, reader->line, "", "indented by %zu spaces; a level is four spaces", blanks);
    return (blanks + 2) / 4;
}

static void close_levels(struct zpl_reader *reader, size_t from)
{
    for (size_t i = from; i < ZPL_DEPTH_LIMIT; i++)
        reader->open[i] = NULL;
    reader->quiet = true;
}

/* The node that a line of this level belongs to, or NULL. */
static struct zpl_node *parent_of_level(struct zpl_reader *reader, size_t level)
{
    struct zpl_node *parent = level < ZPL_DEPTH_LIMIT ? reader->open[level] : NULL;

    if (parent == NULL) {
        if (!reader->quiet)
            mistake_at(reader->mistakes, reader->line, "", "indented too far: no section is open there");
        reader->quiet = true;
        return NULL;
    }
    if (parent->value != NULL) {
        mistake_at(reader->mistakes, reader->line, zpl_path(parent, reader->arena),
                   "this line is indented below the value in line %d, which can hold nothing", parent->line);
        close_levels(reader, level);
        return NULL;
    }
    close_levels(reader, level + 1);
    return parent;
}

/* Puts what a line says into the tree. */
static void
add_node(struct zpl_reader *reader, struct zpl_node *parent, size_t level, const char *name, const char *value)
{
    struct zpl_node *twin = zpl_child(parent, name);
    struct zpl_node *node = arena_take(reader->arena, sizeof *node);

    assert(node != NULL);
    *node = (struct zpl_node){ .name = name, .value = value, .line = reader->line };
    if (twin != NULL) {
        mistake_at(reader->mistakes, reader->line, zpl_path(twin, reader->arena), "is there already, in line %d",
                   twin->line);
        node->parent = parent; /* not in the tree, but its own lines are still looked at */
    } else {
        add_child(parent, node);
    }
    if (level + 1 < ZPL_DEPTH_LIMIT)
        reader->open[level + 1] = node;
    reader->quiet = false;
}

static void read_line(struct zpl_reader *reader, struct rest rest)
{
    size_t level = read_level(reader, &rest);
    struct zpl_node *parent = parent_of_level(reader, level);
    const char *name = rest.at;
    const char *value = NULL;

    if (parent == NULL)
        return;
    while (rest.at < rest.end && is_name_character(*rest.at))
        rest.at++;
    if (rest.at == name) {
        mistake_at(reader->mistakes, reader->line, "", "expected a name (letters, digits, - _ . $ @ & +), found '%c'",
                   *name);
        return;
    }
    name = arena_text(reader->arena, name, (size_t)(rest.at - name));
    if (read_value(reader, &rest, name, &value))
        add_node(reader, parent, level, name, value);
}

static bool is_blank_or_comment(struct rest line)
{
    skip_blanks(&line);
    return line.at == line.end || *line.at == '#';
}

struct zpl_node *zpl_read(const char *text, size_t size, struct mistakes *mistakes)
{
    struct zpl_reader reader = { .mistakes = mistakes, .arena = mistakes->arena };
    struct zpl_node *root = arena_take(mistakes->arena, sizeof *root);
    const char *end = text + size;

    assert(root != NULL);
    root->name = "";
    reader.open[0] = root;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct rest line = { .at = at, .end = newline != NULL ? newline : end };

        at = line.end + 1;
        reader.line++;
        while (line.end > line.at && (line.end[-1] == ' ' || line.end[-1] == '\r'))
            line.end--;
        if (!is_blank_or_comment(line) && can_be_read(&reader, line))
            read_line(&reader, line);
    }
    return root;
}
