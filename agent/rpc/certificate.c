/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "cleanup.h"

DEFINE_CLEANUP(free_bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(free_x509, X509 *, X509_free)

static int read_time(const ASN1_TIME *time, int64_t *ret)
{
	struct tm utc;

	if (!time || !ASN1_TIME_to_tm(time, &utc))
		return -EINVAL;
	*ret = timegm(&utc);
	return 0;
}

int certificate_read_span(const char *pem, struct certificate_span *ret)
{
	cleanup(free_bio) BIO *text = BIO_new_mem_buf(pem, -1);
	cleanup(free_x509) X509 *certificate = NULL;
	struct certificate_span span;

	if (!text)
		return -ENOMEM;
	certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
	/* The C core would take what is left of an error for its own. */
	ERR_clear_error();
	if (!certificate || read_time(X509_get0_notBefore(certificate), &span.begin) ||
	    read_time(X509_get0_notAfter(certificate), &span.end))
		return -EINVAL;
	*ret = span;
	return 0;
}
