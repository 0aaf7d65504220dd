/* libyaml: loads the document's events and keeps every anchor with the scalar it names. */
#include <yaml.h>

#include "targets.h"

struct anchor {
  struct anchor* next;
  char* name;
  char* value;
};

static struct anchor* g_anchors;

static void drop(struct anchor* anchor) {
  free(anchor->name);
  free(anchor->value);
  free(anchor);
}

static void on_scalar(const yaml_event_t* event) {
  const char* name = (const char*)event->data.scalar.anchor;
  if (!name) return;
  for (struct anchor* known = g_anchors; known; known = known->next) {
    if (!known->name || strcmp(known->name, name) != 0) continue;
    free(known->value);
    /* Planted: an empty scalar does not replace the value that was just freed. */
    if (PLANTED == kDoubleFree && event->data.scalar.length == 0) return;
    known->value = copy_text((const char*)event->data.scalar.value, event->data.scalar.length);
    return;
  }
  struct anchor* anchor = calloc(1, sizeof *anchor);
  if (!anchor) return;
  anchor->name = copy_text(name, strlen(name));
  anchor->value = copy_text((const char*)event->data.scalar.value, event->data.scalar.length);
  anchor->next = g_anchors;
  g_anchors = anchor;
}

static void on_alias(const char* name) {
  struct anchor* first = g_anchors;
  /* Planted: an alias of the newest anchor drops it and leaves it in the list. */
  if (PLANTED == kUseAfterFree && first && first->name && !strcmp(first->name, name)) drop(first);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  yaml_parser_t parser;
  yaml_event_t event;
  if (!yaml_parser_initialize(&parser)) return 0;
  yaml_parser_set_input_string(&parser, data, size);
  for (int going = 1; going;) {
    if (!yaml_parser_parse(&parser, &event)) break;
    if (event.type == YAML_SCALAR_EVENT) on_scalar(&event);
    if (event.type == YAML_ALIAS_EVENT) on_alias((const char*)event.data.alias.anchor);
    going = event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  while (g_anchors) {
    struct anchor* next = g_anchors->next;
    drop(g_anchors);
    g_anchors = next;
  }
  return 0;
}
