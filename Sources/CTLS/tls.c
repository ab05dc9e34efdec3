#include "comptoir_tls.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct comptoir_tls_identity { SSL_CTX *context; };
struct comptoir_tls {
    SSL *ssl;
    BIO *in, *out;   // belong to `ssl`
};

/// A key with a passphrase is refused; without this OpenSSL would ask for it on the terminal.
static int no_passphrase(char *out, int size, int writing, void *data) {
    (void)out; (void)size; (void)writing; (void)data;
    return -1;
}

/// HTTP/1.1 is all that is spoken. A client that knows nothing of it in common goes on without.
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in, unsigned int in_length, void *data) {
    (void)ssl; (void)data;
    static const unsigned char ours[] = "\x08http/1.1";
    return SSL_select_next_proto((unsigned char **)out, length, ours, sizeof ours - 1, in, in_length) == OPENSSL_NPN_NEGOTIATED
        ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) return NULL;
    int ok = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1
        // For TLS 1.2; every suite of TLS 1.3 is as good. Forward secrecy and authenticated encryption only.
        && SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
    if (!ok) { SSL_CTX_free(context); return NULL; }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);   // thousands of connections wait most of the time
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);   // tickets need no memory here
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return context;
}

static int use_certificates(SSL_CTX *context, const char *text, size_t length) {
    BIO *source = BIO_new_mem_buf(text, (int)length);
    if (!source) return 0;
    X509 *certificate = PEM_read_bio_X509_AUX(source, NULL, no_passphrase, NULL);
    int ok = certificate && SSL_CTX_use_certificate(context, certificate) == 1;
    X509_free(certificate);
    while (ok && (certificate = PEM_read_bio_X509(source, NULL, no_passphrase, NULL))) {
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) { X509_free(certificate); ok = 0; }
    }
    // The end of the text is no error, but anything else is: half a certificate must not pass.
    unsigned long error = ERR_peek_last_error();
    if (ok && error && !(ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)) ok = 0;
    BIO_free(source);
    ERR_clear_error();
    return ok;
}

comptoir_tls_identity *comptoir_tls_identity_make(const char *certificates, size_t certificates_length, const char *key, size_t key_length, int *problem) {
    ERR_clear_error();
    comptoir_tls_identity *identity = calloc(1, sizeof *identity);
    *problem = comptoir_tls_no_memory;
    if (!identity || !(identity->context = context())) { free(identity); return NULL; }
    if (!use_certificates(identity->context, certificates, certificates_length)) {
        *problem = comptoir_tls_bad_certificate;
    } else {
        BIO *source = BIO_new_mem_buf(key, (int)key_length);
        EVP_PKEY *secret = source ? PEM_read_bio_PrivateKey(source, NULL, no_passphrase, NULL) : NULL;
        if (!secret) *problem = comptoir_tls_bad_key;
        else if (X509_check_private_key(SSL_CTX_get0_certificate(identity->context), secret) != 1) *problem = comptoir_tls_other_key;
        else *problem = SSL_CTX_use_PrivateKey(identity->context, secret) == 1 ? comptoir_tls_ok : comptoir_tls_bad_key;
        EVP_PKEY_free(secret);
        BIO_free(source);
    }
    ERR_clear_error();
    if (*problem == comptoir_tls_ok) return identity;
    comptoir_tls_identity_free(identity);
    return NULL;
}

void comptoir_tls_identity_free(comptoir_tls_identity *identity) {
    SSL_CTX_free(identity->context);
    free(identity);
}

static int64_t seconds(const ASN1_TIME *time) {
    int days = 0, rest = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    if (!epoch || ASN1_TIME_diff(&days, &rest, epoch, time) != 1) days = rest = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + rest;
}

void comptoir_tls_identity_validity(comptoir_tls_identity *identity, int64_t *begins, int64_t *ends) {
    X509 *leaf = SSL_CTX_get0_certificate(identity->context);
    *begins = seconds(X509_get0_notBefore(leaf));
    *ends = seconds(X509_get0_notAfter(leaf));
}

int comptoir_tls_identity_fits(comptoir_tls_identity *identity, const char *host) {
    X509 *leaf = SSL_CTX_get0_certificate(identity->context);
    return X509_check_host(leaf, host, 0, 0, NULL) == 1 || X509_check_ip_asc(leaf, host, 0) == 1;
}

comptoir_tls *comptoir_tls_accept(comptoir_tls_identity *identity) {
    comptoir_tls *tls = calloc(1, sizeof *tls);
    if (!tls) return NULL;
    tls->ssl = SSL_new(identity->context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out) {
        SSL_free(tls->ssl);
        BIO_free(tls->in);
        BIO_free(tls->out);
        free(tls);
        return NULL;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void comptoir_tls_free(comptoir_tls *tls) {
    SSL_free(tls->ssl);
    free(tls);
}

int comptoir_tls_feed(comptoir_tls *tls, const void *bytes, size_t count) {
    size_t written = 0;
    return count == 0 || (BIO_write_ex(tls->in, bytes, count, &written) == 1 && written == count);
}

static int state(comptoir_tls *tls, int result) {
    int why = SSL_get_error(tls->ssl, result);
    ERR_clear_error();
    switch (why) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return comptoir_tls_wants_more;
    case SSL_ERROR_ZERO_RETURN: return comptoir_tls_ended;
    default: return comptoir_tls_failed;
    }
}

int comptoir_tls_handshake(comptoir_tls *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    return result == 1 ? comptoir_tls_done : state(tls, result);
}

int comptoir_tls_read(comptoir_tls *tls, void *out, size_t room, size_t *count) {
    ERR_clear_error();
    *count = 0;
    int result = SSL_read_ex(tls->ssl, out, room, count);
    return result == 1 ? comptoir_tls_done : state(tls, result);
}

int comptoir_tls_write(comptoir_tls *tls, const void *bytes, size_t count) {
    ERR_clear_error();
    size_t written = 0;
    int ok = count == 0 || (SSL_write_ex(tls->ssl, bytes, count, &written) == 1 && written == count);
    ERR_clear_error();
    return ok;
}

void comptoir_tls_end(comptoir_tls *tls) {
    if (SSL_is_init_finished(tls->ssl)) (void)SSL_shutdown(tls->ssl);   // the answer to it is not waited for
    ERR_clear_error();
}

size_t comptoir_tls_output(comptoir_tls *tls, const void **bytes) {
    char *start = NULL;
    long count = BIO_get_mem_data(tls->out, &start);
    *bytes = start;
    return count > 0 ? (size_t)count : 0;
}

void comptoir_tls_sent(comptoir_tls *tls) { (void)BIO_reset(tls->out); }
