#ifndef COMPTOIR_VIPS_H
#define COMPTOIR_VIPS_H
#include <stddef.h>
/// Starts libvips once; 0 on success.
int comptoir_vips_start(const char *program);
#endif
