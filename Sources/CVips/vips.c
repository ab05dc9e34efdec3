#include "comptoir_vips.h"
#include <string.h>
#include <vips/vips.h>

// What is wrong with a picture is in its error; the library's warnings would only fill the server's log.
static void say_nothing(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data) {
    (void)domain, (void)level, (void)message, (void)data;
}

int comptoir_vips_start(const char *program) {
    if (VIPS_INIT(program)) return -1;
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, say_nothing, NULL);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_cache_set_max_mem(0);
    vips_cache_set_max_files(0);
    // Only loaders that are meant for hostile input, and of these only the formats that are thumbnailed.
    vips_operation_block_set("VipsForeignLoad", TRUE);
    vips_operation_block_set("VipsForeignLoadJpeg", FALSE);
    vips_operation_block_set("VipsForeignLoadPng", FALSE);
    vips_operation_block_set("VipsForeignLoadNsgif", FALSE);
    vips_operation_block_set("VipsForeignLoadWebp", FALSE);
    return 0;
}

static void take_error(char *error, size_t length) {
    char *text = vips_error_buffer_copy();
    if (error && length) {
        strncpy(error, text ? text : "", length - 1);
        error[length - 1] = 0;
    }
    g_free(text);
}

int comptoir_vips_size(const char *path, int *width, int *height) {
    VipsImage *image = vips_image_new_from_file(path, NULL);
    if (!image) {
        vips_error_clear();
        return COMPTOIR_VIPS_UNREADABLE;
    }
    int w = vips_image_get_width(image), h = vips_image_get_page_height(image);
    if (vips_image_get_orientation_swap(image)) {
        int swap = w;
        w = h;
        h = swap;
    }
    *width = w;
    *height = h;
    g_object_unref(image);
    return COMPTOIR_VIPS_OK;
}

// 1 when some pixel of the last band is not opaque.
static int is_transparent(VipsImage *image) {
    VipsImage *alpha = NULL;
    double least = 255;
    if (vips_extract_band(image, &alpha, vips_image_get_bands(image) - 1, NULL)) return 1;
    int failed = vips_min(alpha, &least, NULL);
    g_object_unref(alpha);
    return failed || least < 255;
}

int comptoir_vips_thumbnail(const char *path, int width, int height, int crop, double max_pixels,
                            uint8_t **out, size_t *out_length, int *out_is_png, char *error, size_t error_length) {
    VipsImage *header = vips_image_new_from_file(path, NULL);
    if (!header) {
        take_error(error, error_length);
        return COMPTOIR_VIPS_UNREADABLE;
    }
    double pixels = (double)vips_image_get_width(header) * vips_image_get_height(header);
    // Colours are converted only where the picture says what its colours are. Without a profile, or with one of grey, libvips 8.14 lets lcms write
    // behind the end of its buffers (a broken GIF of 42 bytes is enough), and there is nothing to convert.
    int has_profile = vips_image_get_typeof(header, VIPS_META_ICC_NAME) != 0 && vips_image_get_bands(header) >= 3;
    g_object_unref(header);
    if (pixels > max_pixels) return COMPTOIR_VIPS_TOO_LARGE;

    VipsImage *lazy = NULL, *thumbnail = NULL;
    VipsInteresting interest = crop ? VIPS_INTERESTING_CENTRE : VIPS_INTERESTING_NONE;
    int refused = has_profile ? vips_thumbnail(path, &lazy, width, "height", height, "size", VIPS_SIZE_DOWN, "crop", interest,
                                               "export_profile", "srgb", "fail_on", VIPS_FAIL_ON_ERROR, NULL)
                              : vips_thumbnail(path, &lazy, width, "height", height, "size", VIPS_SIZE_DOWN, "crop", interest,
                                               "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    if (refused) {
        take_error(error, error_length);
        return COMPTOIR_VIPS_UNREADABLE;
    }
    // Decoding happens here, once; what follows works on a small picture in memory.
    thumbnail = vips_image_copy_memory(lazy);
    g_object_unref(lazy);
    if (!thumbnail) {
        take_error(error, error_length);
        return COMPTOIR_VIPS_UNREADABLE;
    }
    if (vips_image_get_format(thumbnail) != VIPS_FORMAT_UCHAR) {
        VipsImage *eight = NULL;
        if (vips_colourspace(thumbnail, &eight, VIPS_INTERPRETATION_sRGB, NULL)) goto failed;
        g_object_unref(thumbnail);
        thumbnail = eight;
    }
    int png = vips_image_hasalpha(thumbnail) && is_transparent(thumbnail);
    if (!png && vips_image_hasalpha(thumbnail)) {
        VipsImage *flat = NULL;
        if (vips_flatten(thumbnail, &flat, NULL)) goto failed;
        g_object_unref(thumbnail);
        thumbnail = flat;
    }
    void *bytes = NULL;
    size_t length = 0;
    int status = png ? vips_pngsave_buffer(thumbnail, &bytes, &length, "strip", TRUE, "compression", 7, NULL)
                     : vips_jpegsave_buffer(thumbnail, &bytes, &length, "strip", TRUE, "Q", 82, "optimize_coding", TRUE, NULL);
    if (status) goto failed;
    g_object_unref(thumbnail);
    *out = bytes;
    *out_length = length;
    *out_is_png = png;
    return COMPTOIR_VIPS_OK;

failed:
    take_error(error, error_length);
    g_object_unref(thumbnail);
    return COMPTOIR_VIPS_FAILED;
}

void comptoir_vips_free(uint8_t *bytes) { g_free(bytes); }
