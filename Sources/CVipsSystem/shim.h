/* libvips is variadic C: Swift reaches it through the CVips target only. */
