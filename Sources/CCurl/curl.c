#include "comptoir_curl.h"

/* The checks of <curl/typecheck-gcc.h> want literal types; these functions have them already. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

CURLcode comptoir_curl_set_long(CURL *easy, CURLoption option, long value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_large(CURL *easy, CURLoption option, curl_off_t value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_string(CURL *easy, CURLoption option, const char *value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_pointer(CURL *easy, CURLoption option, const void *value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_sink(CURL *easy, CURLoption option, curl_write_callback value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_source(CURL *easy, CURLoption option, curl_read_callback value) { return curl_easy_setopt(easy, option, value); }
CURLcode comptoir_curl_set_opener(CURL *easy, CURLoption option, curl_opensocket_callback value) { return curl_easy_setopt(easy, option, value); }

CURLcode comptoir_curl_get_long(CURL *easy, CURLINFO info, long *value) { return curl_easy_getinfo(easy, info, value); }
CURLcode comptoir_curl_get_string(CURL *easy, CURLINFO info, const char **value) { return curl_easy_getinfo(easy, info, value); }

CURLMcode comptoir_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) { return curl_multi_setopt(multi, option, value); }
