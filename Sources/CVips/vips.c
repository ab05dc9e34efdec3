#include "comptoir_vips.h"
#include <vips/vips.h>
int comptoir_vips_start(const char *program) { return VIPS_INIT(program); }
