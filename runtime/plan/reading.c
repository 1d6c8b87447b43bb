/* SPDX-License-Identifier: MIT */
/* reading -- see reading.h. */
#include "runtime/plan/reading.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "runtime/nearest.h"

void *reading_take(struct reading *reading, size_t count, size_t size)
{
    void *taken = arena_take(reading->arena, (count > 0 ? count : 1) * size);

    assert(taken != NULL); /* the file is bounded, and so is what is made of it */
    return taken;
}

size_t reading_count(const struct zpl_node *section)
{
    size_t count = 0;

    if (section != NULL)
        for (const struct zpl_node *child = section->children; child != NULL; child = child->next)
            count++;
    return count;
}

static const struct option *find_row(const struct section_words *words, const char *name)
{
    for (size_t i = 0; i < words->row_count; i++)
        if (strcmp(words->rows[i].name, name) == 0)
            return &words->rows[i];
    return NULL;
}

static bool is_section(const struct section_words *words, const char *name)
{
    for (size_t i = 0; words->sections != NULL && words->sections[i] != NULL; i++)
        if (strcmp(words->sections[i], name) == 0)
            return true;
    return false;
}

static void tell_unknown(struct reading *reading, const struct zpl_node *child, const struct section_words *words)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; i < words->row_count; i++)
        nearest_offer(&nearest, child->name, words->rows[i].name);
    for (size_t i = 0; words->sections != NULL && words->sections[i] != NULL; i++)
        nearest_offer(&nearest, child->name, words->sections[i]);
    reading_mistake(reading, child, "%s has no '%s'%s", words->what, child->name, reading_hint(reading, nearest.best));
}

void reading_words(struct reading *reading, const struct zpl_node *section, const struct section_words *words)
{
    if (section == NULL)
        return;
    if (section->value != NULL) {
        reading_mistake(reading, section, "is a section: its properties stand below it, without '='");
        return;
    }
    for (const struct zpl_node *child = section->children; child != NULL; child = child->next) {
        const struct option *row = find_row(words, child->name);

        if (row == NULL && !is_section(words, child->name))
            tell_unknown(reading, child, words);
        else if (row != NULL && child->value == NULL)
            reading_mistake(reading, child, "expected '= VALUE' (%s)", option_expected(row));
        else if (row == NULL && child->value != NULL)
            reading_mistake(reading, child, "is a section: its properties stand below it, without '='");
    }
}

void reading_check_value(struct reading *reading, const struct zpl_node *child, const struct option *row)
{
    union {
        uint64_t number;
        const char *text;
        uint32_t choice;
        bool yes;
    } ignored;
    const char *expected = option_parse(row, child->value, &ignored);

    if (expected != NULL)
        reading_mistake(reading, child, "'%s' does not fit: expected %s", child->value, expected);
}

/* The value that holds for one row: the section's, else the default, else "" with a mistake told. */
static const char *value_of(struct reading *reading,
                            const struct zpl_node *section,
                            const struct zpl_node *child,
                            const struct option *row)
{
    if (child != NULL && child->value != NULL)
        return child->value;
    if (row->default_text != NULL)
        return row->default_text;
    if (child == NULL && section != NULL && section->value == NULL)
        reading_mistake(reading, section, "'%s' is missing: %s (%s)", row->name, row->help, option_expected(row));
    return "";
}

void reading_values(struct reading *reading,
                    const struct zpl_node *section,
                    const struct section_words *words,
                    void *into)
{
    reading_words(reading, section, words);
    for (size_t i = 0; i < words->row_count; i++) {
        const struct option *row = &words->rows[i];
        const struct zpl_node *child = zpl_child(section, row->name);
        void *field = (char *)into + row->offset;

        if (option_parse(row, value_of(reading, section, child, row), field) == NULL)
            continue;
        if (child != NULL && child->value != NULL)
            reading_check_value(reading, child, row);
        if (row->default_text != NULL)
            option_parse(row, row->default_text, field);
    }
}

static bool is_name(const char *text, size_t size)
{
    if (size == 0 || size > TOPOLOGY_NAME_LIMIT || !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    return true;
}

void reading_check_name(struct reading *reading, const struct zpl_node *node, const char *what)
{
    if (!is_name(node->name, strlen(node->name)))
        reading_mistake(reading, node,
                        "%s's name has letters, digits, '-' and '_', begins with a letter or digit and has at "
                        "most %d bytes, because it is part of a socket file's name",
                        what, TOPOLOGY_NAME_LIMIT);
}

const char *const *reading_list(struct reading *reading, const struct zpl_node *node)
{
    const char *at = node != NULL && node->value != NULL ? node->value : "";
    const char **list = reading_take(reading, strlen(at) / 2 + 2, sizeof *list);
    size_t count = 0;

    while (*at != '\0') {
        size_t skipped = strspn(at, " ,");
        size_t size = strcspn(at + skipped, " ,");

        at += skipped;
        if (size > 0 && !is_name(at, size))
            reading_mistake(reading, node, "'%.*s' is no name; expected names with commas between them", (int)size, at);
        else if (size > 0)
            list[count++] = arena_text(reading->arena, at, size);
        at += size;
    }
    return list;
}

void reading_inherit(struct reading *reading, const struct zpl_node *section, struct zpl_node *node)
{
    const struct zpl_node *like = zpl_child(node, "like");
    struct nearest nearest = { 0 };

    if (like == NULL || like->value == NULL)
        return;

    const struct zpl_node *model = zpl_child(section, like->value);

    if (model != NULL && model != node && zpl_child(model, "like") == NULL && model->value == NULL) {
        zpl_inherit(node, model, NULL, reading->arena);
        return;
    }
    for (const struct zpl_node *child = section->children; child != NULL; child = child->next)
        if (child != node && zpl_child(child, "like") == NULL)
            nearest_offer(&nearest, like->value, child->name);
    if (model == NULL)
        reading_mistake(reading, like, "there is no '%s' here%s", like->value, reading_hint(reading, nearest.best));
    else
        reading_mistake(reading, like, "'%s' is itself like another; name one that says all by itself", like->value);
}

void reading_check_limits(struct reading *reading, const struct zpl_node *section, const struct restart_limits *limits)
{
    const struct zpl_node *where = zpl_child(section, "pause_min");

    if (limits->pause_min_us <= limits->pause_max_us)
        return;
    if (where == NULL)
        where = zpl_child(section, "pause_max");
    reading_mistake(reading, where, "pause_min may not be longer than pause_max");
}

const struct actor_kind *reading_find_kind(struct reading *reading, const char *name, const char **ret_hint)
{
    struct nearest nearest = { 0 };

    for (size_t i = 0; reading->words->kinds != NULL && reading->words->kinds[i] != NULL; i++) {
        const struct actor_kind *kind = reading->words->kinds[i];

        if (strcmp(kind->name, name) == 0)
            return kind;
        nearest_offer(&nearest, name, kind->name);
    }
    *ret_hint = reading_hint(reading, nearest.best);
    return NULL;
}
