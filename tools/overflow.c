// A bug to try reports with: twelve characters and their terminator in twelve bytes.
#include <stdlib.h>
#include <string.h>

static char* copy_of(const char* text) {
  char* copy = malloc(12);
  return copy ? strcpy(copy, text) : NULL;
}

int main(void) {
  char* copy = copy_of("twelve bytes");
  free(copy);
  return 0;
}
