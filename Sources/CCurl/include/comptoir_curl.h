#ifndef COMPTOIR_CURL_H
#define COMPTOIR_CURL_H
#include <curl/curl.h>

/* libcurl's setters and getters take variable arguments, which Swift cannot call. One function a type of argument. */

CURLcode comptoir_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode comptoir_curl_set_large(CURL *easy, CURLoption option, curl_off_t value);
CURLcode comptoir_curl_set_string(CURL *easy, CURLoption option, const char *value);
CURLcode comptoir_curl_set_pointer(CURL *easy, CURLoption option, const void *value);
/// CURLOPT_HTTPHEADER, CURLOPT_MAIL_RCPT and the like; the list must outlive the transfer.
CURLcode comptoir_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
/// CURLOPT_WRITEFUNCTION or CURLOPT_HEADERFUNCTION.
CURLcode comptoir_curl_set_sink(CURL *easy, CURLoption option, curl_write_callback value);
/// CURLOPT_READFUNCTION.
CURLcode comptoir_curl_set_source(CURL *easy, CURLoption option, curl_read_callback value);
/// CURLOPT_OPENSOCKETFUNCTION.
CURLcode comptoir_curl_set_opener(CURL *easy, CURLoption option, curl_opensocket_callback value);

CURLcode comptoir_curl_get_long(CURL *easy, CURLINFO info, long *value);
CURLcode comptoir_curl_get_string(CURL *easy, CURLINFO info, const char **value);

CURLMcode comptoir_curl_multi_set_long(CURLM *multi, CURLMoption option, long value);
#endif
