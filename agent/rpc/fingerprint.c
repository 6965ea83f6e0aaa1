/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/fingerprint.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"

DEFINE_CLEANUP(free_decoder, EVP_ENCODE_CTX *, EVP_ENCODE_CTX_free)

/* Decodes base64 up to the first thing that is none. Returns the octets of `ret`, which has as
 * many places as `text` has characters; negative: it is malformed. */
static int decode(const char *text, size_t length, unsigned char *ret)
{
	cleanup(free_decoder) EVP_ENCODE_CTX *decoder = EVP_ENCODE_CTX_new();
	int n = 0, rest = 0;

	if (!decoder || length > 1 << 20)
		return -1;
	EVP_DecodeInit(decoder);
	if (EVP_DecodeUpdate(decoder, ret, &n, (const unsigned char *)text, (int)length) < 0 ||
	    EVP_DecodeFinal(decoder, ret + n, &rest) < 0)
		return -1;
	return n + rest;
}

void fingerprint_find(const char *pem, size_t length, char ret[static FINGERPRINT_SIZE])
{
	const char *begin = memmem(pem, length, BEGIN, strlen(BEGIN)), *end;
	cleanup(free_bytes) unsigned char *der = NULL;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t n;
	int size;

	ret[0] = '\0';
	if (!begin)
		return;
	begin += strlen(BEGIN);
	end = memchr(begin, '-', length - (size_t)(begin - pem));
	der = end ? malloc((size_t)(end - begin) + 1) : NULL;
	size = der ? decode(begin, (size_t)(end - begin), der) : -1;
	if (size <= 0)
		return;
	SHA256(der, (size_t)size, digest);
	n = (size_t)snprintf(ret, FINGERPRINT_SIZE, "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++, n += 2)
		snprintf(ret + n, FINGERPRINT_SIZE - n, "%02x", digest[i]);
}
