#include "comptoir_crypto.h"
#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

int comptoir_sha256(const uint8_t *data, size_t length, uint8_t *out32) { return SHA256(data, length, out32) != NULL; }

void *comptoir_sha256_begin(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

int comptoir_sha256_update(void *state, const void *data, size_t length) { return EVP_DigestUpdate(state, data, length) == 1; }

int comptoir_sha256_finish(void *state, uint8_t *out32) {
    int ok = out32 ? EVP_DigestFinal_ex(state, out32, NULL) == 1 : 1;
    EVP_MD_CTX_free(state);
    return ok;
}

int comptoir_hmac(int sha, const uint8_t *key, size_t key_length, const uint8_t *data, size_t length, uint8_t *out) {
    unsigned int written = 0;
    return HMAC(sha == 1 ? EVP_sha1() : EVP_sha256(), key, (int)key_length, data, length, out, &written) != NULL;
}

void *comptoir_ed25519_key(const uint8_t *seed32, uint8_t *public32) {
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed32, 32);
    size_t length = 32;
    if (key && EVP_PKEY_get_raw_public_key(key, public32, &length) == 1 && length == 32) return key;
    EVP_PKEY_free(key);
    return NULL;
}

void comptoir_ed25519_key_free(void *key) { EVP_PKEY_free(key); }

int comptoir_ed25519_sign(void *key, const uint8_t *data, size_t length, uint8_t *out64) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t written = 64;
    int ok = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1
        && EVP_DigestSign(context, out64, &written, data, length) == 1 && written == 64;
    EVP_MD_CTX_free(context);
    return ok;
}

int comptoir_ed25519_verify(const uint8_t *public32, const uint8_t *data, size_t length, const uint8_t *signature64) {
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public32, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1
        && EVP_DigestVerify(context, signature64, 64, data, length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok;
}

int comptoir_argon2id_hash(uint32_t t, uint32_t m_kib, uint32_t lanes, const uint8_t *password, size_t length,
                           const uint8_t *salt, size_t salt_length, char *encoded, size_t encoded_length) {
    return argon2id_hash_encoded(t, m_kib, lanes, password, length, salt, salt_length, 32, encoded, encoded_length);
}

int comptoir_argon2id_verify(const char *encoded, const uint8_t *password, size_t length) {
    return argon2id_verify(encoded, password, length);
}

int comptoir_equal(const uint8_t *a, const uint8_t *b, size_t length) { return CRYPTO_memcmp(a, b, length) == 0; }
