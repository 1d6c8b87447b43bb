/* SPDX-License-Identifier: MIT */
/* zpl_tree -- walks, changes and writes the trees that zpl.c reads; see zpl.h. */
#include <assert.h>
#include <string.h>

#include "runtime/plan/zpl.h"

struct zpl_node *zpl_child(const struct zpl_node *parent, const char *name)
{
    if (parent == NULL)
        return NULL;
    for (struct zpl_node *child = parent->children; child != NULL; child = child->next)
        if (strcmp(child->name, name) == 0)
            return child;
    return NULL;
}

struct zpl_node *zpl_find(const struct zpl_node *root, const char *path)
{
    struct zpl_node *found = NULL;

    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        char name[ZPL_LINE_LIMIT + 1];

        if (size >= sizeof name)
            return NULL;
        memcpy(name, path, size);
        name[size] = '\0';
        found = zpl_child(root, name);
        if (found == NULL)
            return NULL;
        root = found;
        path += size + (path[size] == '/');
    }
    return found;
}

const char *zpl_path(const struct zpl_node *node, struct arena *arena)
{
    if (node == NULL || node->parent == NULL)
        return "";
    if (node->parent->parent == NULL)
        return node->name;
    return arena_print(arena, "%s/%s", zpl_path(node->parent, arena), node->name);
}

static struct zpl_node *add_named(struct zpl_node *parent, const char *name, int line, struct arena *arena)
{
    struct zpl_node *node = arena_take(arena, sizeof *node);
    struct zpl_node **last = &parent->children;

    assert(node != NULL);
    *node = (struct zpl_node){ .name = name, .line = line, .parent = parent };
    while (*last != NULL)
        last = &(*last)->next;
    *last = node;
    return node;
}

/* Whether a value can be written so that it is read the same. */
static bool can_be_written(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return strlen(value) < ZPL_LINE_LIMIT / 2 && (strchr(value, '"') == NULL || strchr(value, '\'') == NULL);
}

bool zpl_set(struct zpl_node *root, const char *path, const char *value, struct mistakes *mistakes)
{
    struct zpl_node *at = root;
    size_t depth = 0;

    if (*path == '\0' || !can_be_written(value)) {
        mistake_at(mistakes, LINE_OF_OVERRIDE, path,
                   "expected PATH=VALUE, such as platform/name=shunt, with a printable "
                   "value of at most %d bytes",
                   ZPL_LINE_LIMIT / 2);
        return false;
    }
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        const char *name = arena_text(mistakes->arena, path, size);
        struct zpl_node *next = zpl_child(at, name);

        if (size == 0 || ++depth > ZPL_DEPTH_LIMIT || at->value != NULL) {
            mistake_at(mistakes, LINE_OF_OVERRIDE, zpl_path(at, mistakes->arena), "there can be nothing below this");
            return false;
        }
        at = next != NULL ? next : add_named(at, name, LINE_OF_OVERRIDE, mistakes->arena);
        path += size + (path[size] == '/');
    }
    if (at->children != NULL) {
        mistake_at(mistakes, LINE_OF_OVERRIDE, zpl_path(at, mistakes->arena),
                   "is a section; name one of its properties");
        return false;
    }
    at->value = arena_text(mistakes->arena, value, strlen(value));
    at->line = LINE_OF_OVERRIDE;
    return true;
}

void zpl_inherit(struct zpl_node *node, const struct zpl_node *model, const char *except, struct arena *arena)
{
    for (const struct zpl_node *child = model->children; child != NULL; child = child->next) {
        if (except != NULL && strcmp(child->name, except) == 0)
            continue;

        struct zpl_node *own = zpl_child(node, child->name);

        if (own == NULL) {
            own = add_named(node, child->name, child->line, arena);
            own->value = child->value;
        }
        if (own->value == NULL && child->value == NULL)
            zpl_inherit(own, child, NULL, arena);
    }
}

static void write_value(const char *value, FILE *to)
{
    size_t size = strlen(value);
    bool plain = strchr(value, '#') == NULL && value[0] != '"' && value[0] != '\'' && value[0] != ' ' &&
                 (size == 0 || value[size - 1] != ' ');
    const char *quote = plain ? "" : strchr(value, '"') == NULL ? "\"" : "'";

    fprintf(to, " = %s%s%s", quote, value, quote);
}

static void write_node(const struct zpl_node *node, int level, FILE *to)
{
    fprintf(to, "%*s%s", level * 4, "", node->name);
    if (node->value != NULL)
        write_value(node->value, to);
    fputc('\n', to);
    for (const struct zpl_node *child = node->children; child != NULL; child = child->next)
        write_node(child, level + 1, to);
}

void zpl_write(const struct zpl_node *root, FILE *to)
{
    for (const struct zpl_node *child = root->children; child != NULL; child = child->next)
        write_node(child, 0, to);
}
