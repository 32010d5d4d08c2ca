/* Kinds as JSON: what there is to configure, as a form or a client needs it. Made from the tables of columns alone. */
#include <string.h>

#include "json.h"
#include "kind.h"
#include "platform.h"

static const char *const type_names[] = {
    [FIELD_TEXT] = "text",   [FIELD_NAME] = "name",       [FIELD_LABEL] = "label",   [FIELD_URL] = "url",
    [FIELD_KEY] = "key",     [FIELD_BOOL] = "bool",       [FIELD_INT] = "integer",   [FIELD_STRINGS] = "strings",
    [FIELD_MAP] = "map",     [FIELD_OBJECTS] = "objects", [FIELD_OBJECT] = "object", [FIELD_NUMBER] = "number",
    [FIELD_FILES] = "files", [FIELD_JSON] = "json",       [FIELD_AMOUNT] = "amount", [FIELD_INTS] = "integers",
};

static void write_label(struct json_writer *w, const struct label *label)
{
    json_literal_key(w, "label");
    json_open_object(w);
    json_string_member(w, "en", label->en);
    json_string_member(w, "zh", label->zh);
    json_close_object(w);
}

static void write_platforms(struct json_writer *w, unsigned bits)
{
    json_literal_key(w, "platforms");
    json_open_array(w);
    for (const struct platform *p = platforms; p->name; p++)
        if (bits & platform_bit(p->name))
            json_put_string(w, p->name);
    json_close_array(w);
}

static void write_choices(struct json_writer *w, struct arena *arena, const char *choices)
{
    json_literal_key(w, "choices");
    json_open_array(w);
    while (*choices) {
        size_t length = strcspn(choices, "|");
        json_put_string(w, arena_strndup(arena, choices, length));
        choices += length + (choices[length] == '|');
    }
    json_close_array(w);
}

static void write_column(struct json_writer *w, struct arena *arena, const struct kind *kind,
                         const struct column *column)
{
    const struct field *f = &column->field;
    json_open_object(w);
    json_string_member(w, "name", f->name);
    json_string_member(w, "type", type_names[f->type]);
    write_label(w, &column->label);
    json_bool_member(w, "required", (f->flags & FIELD_REQUIRED) != 0);
    json_bool_member(w, "conditional", f->required != NULL);
    json_bool_member(w, "secret", (column->flags & COLUMN_SECRET) != 0);
    json_bool_member(w, "secret_parts", (column->flags & COLUMN_PARTS) != 0);
    json_bool_member(w, "listed", !(column->flags & COLUMN_UNLISTED));
    json_bool_member(w, "searched", (column->flags & COLUMN_SEARCHED) != 0);
    bool number = f->type == FIELD_INT || f->type == FIELD_NUMBER;
    if (number ? f->min || f->max : f->min != 0)
        json_int_member(w, "min", f->min);
    if (field_max(f) && !f->choices)
        json_int_member(w, "max", field_max(f));
    if (field_item_max(f))
        json_int_member(w, "item_max", field_item_max(f));
    if (f->choices)
        write_choices(w, arena, f->choices);
    write_platforms(w, column->platforms ? column->platforms : kind->platforms);
    json_close_object(w);
}

static void write_kind(struct json_writer *w, struct arena *arena, const struct kind *kind)
{
    json_open_object(w);
    json_string_member(w, "name", kind->name);
    write_label(w, &kind->label);
    write_platforms(w, kind->platforms);
    json_bool_member(w, "folders", (kind->flags & KIND_FOLDERS) != 0);
    json_bool_member(w, "any_name", (kind->flags & KIND_ANY_NAME) != 0);
    json_bool_member(w, "shared", (kind->flags & KIND_SHARED) != 0);
    json_int_member(w, "most", kind->most ? kind->most : RESOURCES_MAX);
    json_string_member(w, "write", access_names[kind_access(kind)]);
    json_literal_key(w, "columns");
    json_open_array(w);
    for (const struct column *column = kind->columns; column->field.type; column++)
        write_column(w, arena, kind, column);
    json_close_array(w);
    json_close_object(w);
}

void kinds_write(struct json_writer *w, struct arena *arena)
{
    json_open_array(w);
    for (const struct kind *const *kind = kind_table; *kind; kind++)
        write_kind(w, arena, *kind);
    json_close_array(w);
}
