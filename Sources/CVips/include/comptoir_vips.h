#ifndef COMPTOIR_VIPS_H
#define COMPTOIR_VIPS_H
#include <stddef.h>
#include <stdint.h>

/// Starts libvips with the four loaders that the server trusts (JPEG, PNG, GIF, WebP), one thread a job and no cache.
/// Call it once before anything else; 0 on success.
int comptoir_vips_start(const char *program);

enum {
    COMPTOIR_VIPS_OK = 0,
    /// No picture, or a damaged one.
    COMPTOIR_VIPS_UNREADABLE = 1,
    /// More pixels than allowed.
    COMPTOIR_VIPS_TOO_LARGE = 2,
    /// It could be read, but not written.
    COMPTOIR_VIPS_FAILED = 3,
};

/// Width and height as shown (EXIF orientation applied), from the header alone.
int comptoir_vips_size(const char *path, int *width, int *height);

/// A still thumbnail of the file at `path`: no metadata, sRGB, upright, never larger than the original. JPEG, or PNG when it is
/// transparent somewhere. The bytes are freed with `comptoir_vips_free`. `error` gets the library's words on failure.
int comptoir_vips_thumbnail(const char *path, int width, int height, int crop, double max_pixels,
                            uint8_t **out, size_t *out_length, int *out_is_png, char *error, size_t error_length);
void comptoir_vips_free(uint8_t *bytes);
#endif
