#ifndef COMPTOIR_CRYPTO_H
#define COMPTOIR_CRYPTO_H
#include <stddef.h>
#include <stdint.h>
/// SHA-256 of `data` into 32 bytes; 1 on success.
int comptoir_sha256(const uint8_t *data, size_t length, uint8_t *out32);
/// SHA-256 piece by piece. `begin` gives NULL for want of memory; `finish` frees it, and may be given no room for the hash.
void *comptoir_sha256_begin(void);
int comptoir_sha256_update(void *state, const void *data, size_t length);
int comptoir_sha256_finish(void *state, uint8_t *out32);
/// HMAC; `sha` is 1 (SHA-1, 20 bytes) or 256 (SHA-256, 32 bytes); 1 on success.
int comptoir_hmac(int sha, const uint8_t *key, size_t key_length, const uint8_t *data, size_t length, uint8_t *out);
/// Ed25519 (RFC 8032): the private key of a 32-byte seed, and its public key; NULL without memory. The key may be used by several threads at once.
void *comptoir_ed25519_key(const uint8_t *seed32, uint8_t *public32);
void comptoir_ed25519_key_free(void *key);
/// 1 on success.
int comptoir_ed25519_sign(void *key, const uint8_t *data, size_t length, uint8_t *out64);
/// 1 valid, 0 invalid.
int comptoir_ed25519_verify(const uint8_t *public32, const uint8_t *data, size_t length, const uint8_t *signature64);
/// Argon2id, encoded form ($argon2id$...); 0 on success.
int comptoir_argon2id_hash(uint32_t t, uint32_t m_kib, uint32_t lanes, const uint8_t *password, size_t length,
                           const uint8_t *salt, size_t salt_length, char *encoded, size_t encoded_length);
/// 0 when the password fits the encoded hash.
int comptoir_argon2id_verify(const char *encoded, const uint8_t *password, size_t length);
/// RSASSA-PKCS1-v1_5 with SHA-256 by a public key of modulus `n` and exponent `e` (big-endian); 1 valid, 0 invalid or no such key.
int comptoir_rs256_verify(const uint8_t *n, size_t n_length, const uint8_t *e, size_t e_length,
                          const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_length);
/// ECDSA on P-256 with SHA-256; the signature is r and s, 32 bytes each. 1 valid, 0 invalid or no such key.
int comptoir_es256_verify(const uint8_t *x32, const uint8_t *y32, const uint8_t *data, size_t length, const uint8_t *signature64);
/// Constant time; 1 when equal.
int comptoir_equal(const uint8_t *a, const uint8_t *b, size_t length);
#endif
