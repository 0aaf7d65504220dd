/* libexpat: builds a stack of the open elements with their names and text. */
#include <expat.h>

#include "targets.h"

struct element {
  struct element* parent;
  char* name;
  char* text;
};

static struct element* g_open;

static void drop(struct element* element) {
  free(element->name);
  free(element->text);
  free(element);
}

static void on_start(void* context, const XML_Char* name, const XML_Char** attributes) {
  (void)context;
  (void)attributes;
  struct element* element = calloc(1, sizeof *element);
  if (!element) return;
  element->name = copy_text(name, strlen(name));
  element->parent = g_open;
  g_open = element;
}

static void on_end(void* context, const XML_Char* name) {
  struct element* element = g_open;
  (void)context;
  if (!element) return;
  g_open = element->parent;
  /* Planted: an element called "b" is freed and stays on the stack. */
  if (PLANTED == kUseAfterFree && !strcmp(name, "b") && g_open) {
    drop(element);
    g_open = element;
    return;
  }
  /* Planted: an element with text whose name is the parent's gives the text up twice. */
  if (PLANTED == kDoubleFree && element->text && g_open && !strcmp(name, g_open->name)) free(element->text);
  drop(element);
}

static void on_text(void* context, const XML_Char* text, int length) {
  (void)context;
  if (!g_open) return;
  free(g_open->text);
  g_open->text = copy_text(text, (size_t)length);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  XML_Parser parser = XML_ParserCreate(NULL);
  if (!parser) return 0;
  XML_SetHashSalt(parser, 1);
  XML_SetElementHandler(parser, on_start, on_end);
  XML_SetCharacterDataHandler(parser, on_text);
  XML_Parse(parser, (const char*)data, (int)size, 1);
  XML_ParserFree(parser);
  while (g_open) {
    struct element* parent = g_open->parent;
    drop(g_open);
    g_open = parent;
  }
  return 0;
}
