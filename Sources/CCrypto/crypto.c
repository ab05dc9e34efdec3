#include "comptoir_crypto.h"
#include <argon2.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

// Looking the algorithm up and making a context cost more than hashing what is usually hashed here: each thread does both once.
int comptoir_sha256(const uint8_t *data, size_t length, uint8_t *out32) {
    static _Thread_local EVP_MD_CTX *context;
    static _Thread_local EVP_MD *algorithm;
    if (!context) context = EVP_MD_CTX_new();
    if (!algorithm) algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    return context && algorithm && EVP_DigestInit_ex2(context, algorithm, NULL) == 1 && EVP_DigestUpdate(context, data, length) == 1 &&
           EVP_DigestFinal_ex(context, out32, NULL) == 1;
}

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

static EVP_PKEY *public_key(const char *type, OSSL_PARAM *params) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static int verify_sha256(EVP_PKEY *key, const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int valid = context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, signature_length, data, length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return valid;
}

int comptoir_rs256_verify(const uint8_t *n, size_t n_length, const uint8_t *e, size_t e_length,
                          const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_length) {
    BIGNUM *modulus = BN_bin2bn(n, (int)n_length, NULL), *exponent = BN_bin2bn(e, (int)e_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    int valid = 0;
    if (modulus != NULL && exponent != NULL && builder != NULL && BN_num_bits(modulus) >= 2048 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(builder)) != NULL && (key = public_key("RSA", params)) != NULL)
        valid = verify_sha256(key, data, length, signature, signature_length);
    EVP_PKEY_free(key);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    ERR_clear_error();
    return valid;
}

int comptoir_es256_verify(const uint8_t *x32, const uint8_t *y32, const uint8_t *data, size_t length, const uint8_t *signature64) {
    uint8_t point[65] = {4};
    memcpy(point + 1, x32, 32);
    memcpy(point + 33, y32, 32);
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = public_key("EC", params);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature64, 32, NULL), *s = BN_bin2bn(signature64 + 32, 32, NULL);
    uint8_t *der = NULL;
    int valid = 0;
    if (key != NULL && pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL;  // the pair owns them now
        int der_length = i2d_ECDSA_SIG(pair, &der);
        if (der_length > 0) valid = verify_sha256(key, data, length, der, (size_t)der_length);
    }
    OPENSSL_free(der);
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return valid;
}
