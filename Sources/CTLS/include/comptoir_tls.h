#ifndef COMPTOIR_TLS_H
#define COMPTOIR_TLS_H
#include <stddef.h>
#include <stdint.h>

/// A certificate chain with its key, ready to serve; may be used by several threads at once.
typedef struct comptoir_tls_identity comptoir_tls_identity;
/// The TLS of one connection, without its socket: bytes go in and come out. One thread at a time.
typedef struct comptoir_tls comptoir_tls;

enum comptoir_tls_problem {
    comptoir_tls_ok = 0,
    comptoir_tls_bad_certificate,   // no PEM certificate can be read, or it is one that nobody would accept
    comptoir_tls_bad_key,           // no PEM key can be read, or it has a passphrase
    comptoir_tls_other_key,         // the key is not that of the certificate
    comptoir_tls_no_memory,
};
/// PEM texts, not their files: the leaf first, then those that signed it. NULL with the reason in `problem`.
comptoir_tls_identity *comptoir_tls_identity_make(const char *certificates, size_t certificates_length, const char *key, size_t key_length, int *problem);
void comptoir_tls_identity_free(comptoir_tls_identity *identity);
/// When the leaf's validity begins and ends, in seconds since 1970.
void comptoir_tls_identity_validity(comptoir_tls_identity *identity, int64_t *begins, int64_t *ends);
/// 1 when the leaf is for this host name.
int comptoir_tls_identity_fits(comptoir_tls_identity *identity, const char *host);

/// The server's side of a connection; it keeps the identity alive. NULL without memory.
comptoir_tls *comptoir_tls_accept(comptoir_tls_identity *identity);
void comptoir_tls_free(comptoir_tls *tls);
/// Takes what came from the socket; 1 on success.
int comptoir_tls_feed(comptoir_tls *tls, const void *bytes, size_t count);
enum comptoir_tls_state {
    comptoir_tls_wants_more = 0,
    comptoir_tls_done = 1,
    comptoir_tls_ended = 2,   // the other side has said that nothing follows
    comptoir_tls_failed = 3,
};
/// Goes on with the handshake.
int comptoir_tls_handshake(comptoir_tls *tls);
/// Decrypts up to `room` bytes into `out`; `count` says how many.
int comptoir_tls_read(comptoir_tls *tls, void *out, size_t room, size_t *count);
/// Encrypts all of it. 1 on success.
int comptoir_tls_write(comptoir_tls *tls, const void *bytes, size_t count);
/// Says to the other side that nothing follows.
void comptoir_tls_end(comptoir_tls *tls);
/// What must go to the socket now, until `comptoir_tls_sent`.
size_t comptoir_tls_output(comptoir_tls *tls, const void **bytes);
void comptoir_tls_sent(comptoir_tls *tls);
#endif
