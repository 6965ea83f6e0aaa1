/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/match.h"
#include "service/list_filter.h"

static struct registry *registry;

/* A request that asks for everything. */
struct request {
	Waymark__V1__ListMarksRequest message;
	Waymark__V1__MarkFilter filter;
	Waymark__V1__Scitag scitag;
	Waymark__V1__Kind kinds[4];
};

static void init_request(struct request *request)
{
	waymark__v1__list_marks_request__init(&request->message);
	waymark__v1__mark_filter__init(&request->filter);
	waymark__v1__scitag__init(&request->scitag);
	request->message.filter = &request->filter;
	request->filter.kinds = request->kinds;
}

static struct list_filter read_filter(const struct request *request)
{
	struct list_filter filter;

	assert_int_equal(list_filter_read(&request->message, registry, &filter, NULL), 0);
	return filter;
}

static bool passes(const struct request *request, const struct mark *mark)
{
	struct list_filter filter = read_filter(request);

	return list_filter_passes(&filter, mark);
}

static struct mark mark_to(const char *destination)
{
	struct mark mark = {
		.action = {.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 14},
		.cookie = "job 7",
		.owner = "cn:ctl"};

	assert_int_equal(match_parse(&(struct match_text){.destination = destination},
				     &mark.match, NULL),
			 0);
	return mark;
}

static void test_empty_filter_passes_all(void **state)
{
	struct mark mark = mark_to("2001:db8::1");
	struct request request;

	(void)state;
	init_request(&request);
	assert_true(passes(&request, &mark));
	request.message.filter = NULL;
	assert_true(passes(&request, &mark));
}

static void test_prefix(void **state)
{
	static const struct {
		const char *prefix, *destination;
		bool passes;
	} rows[] = {
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"2001:db8::/32", "2001:db8:1::/48", true},
		{"2001:db8:1::/48", "2001:db8::/32", false}, /* wider than the filter */
		{"2001:db8::/32", "2001:db8::/32", true},
		{"::/0", "ff02::1", true},
		{"2001:db8::1", "2001:db8::1", true},
		{"2001:db8::1", "2001:db8::2", false},
	};
	struct request request;

	(void)state;
	init_request(&request);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mark mark = mark_to(rows[i].destination);

		request.filter.destination_prefix = (char *)rows[i].prefix;
		assert_int_equal(passes(&request, &mark), rows[i].passes);
	}
}

static void test_kinds_owner_cookie(void **state)
{
	struct mark host = mark_to("2001:db8::1"), network = mark_to("2001:db8::/32");
	struct request request;

	(void)state;
	init_request(&request);
	request.kinds[0] = WAYMARK__V1__KIND__KIND_HOST;
	request.filter.n_kinds = 1;
	assert_true(passes(&request, &host));
	assert_false(passes(&request, &network));
	request.kinds[1] = WAYMARK__V1__KIND__KIND_NETWORK;
	request.filter.n_kinds = 2;
	assert_true(passes(&request, &network));
	request.filter.owner = (char *)"cn:other";
	assert_false(passes(&request, &host));
	request.filter.owner = (char *)"cn:ctl";
	assert_true(passes(&request, &host));
	request.message.cookie = (char *)"job 8";
	assert_false(passes(&request, &host));
	request.message.cookie = (char *)"job 7";
	assert_true(passes(&request, &host));
}

/* A private lease has an id as well, but nobody is told of it. */
static void test_lease(void **state)
{
	struct mark mark = mark_to("2001:db8::1");
	struct request request;

	(void)state;
	init_request(&request);
	request.message.lease_id = 9;
	assert_false(passes(&request, &mark));
	mark.lifetime = MARK_LEASE;
	mark.lease = 9;
	assert_true(passes(&request, &mark));
	mark.lifetime = MARK_TTL;
	assert_false(passes(&request, &mark));
	mark.lifetime = MARK_LEASE;
	mark.lease = 10;
	assert_false(passes(&request, &mark));
}

static void test_labels(void **state)
{
	struct mark mark = mark_to("2001:db8::1");
	struct request request;

	(void)state;
	init_request(&request);
	request.message.label_case = WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_SCITAG;
	request.message.scitag = &request.scitag;
	request.scitag.experiment = (char *)"cms";
	request.scitag.activity = (char *)"Analysis Input";
	assert_true(passes(&request, &mark));
	request.scitag.activity = (char *)"Analysis Output";
	assert_false(passes(&request, &mark));
	request.message.label_case = WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_FLOW_LABEL;
	request.message.flow_label = 0x30038; /* what the SciTag is on the wire */
	assert_false(passes(&request, &mark));
	mark.action = (struct mark_action){.label = MARK_LABEL_RAW, .flow_label = 0x30038};
	assert_true(passes(&request, &mark));
}

static void test_bad_filters_name_the_field(void **state)
{
	struct list_filter filter;
	struct request request;
	struct fault fault;

	(void)state;
	init_request(&request);
	request.filter.destination_prefix = (char *)"2001:db8::1/32";
	assert_int_equal(list_filter_read(&request.message, registry, &filter, &fault),
			 -EINVAL);
	assert_string_equal(fault.field, "filter.destination_prefix");
	assert_string_equal(fault.reason, FAULT_REASON_HOST_BITS);
	init_request(&request);
	request.kinds[0] = WAYMARK__V1__KIND__KIND_UNSPECIFIED;
	request.filter.n_kinds = 1;
	assert_int_equal(list_filter_read(&request.message, registry, &filter, &fault),
			 -EINVAL);
	assert_string_equal(fault.field, "filter.kinds");
	init_request(&request);
	request.message.label_case = WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_SCITAG;
	request.message.scitag = &request.scitag;
	request.scitag.experiment = (char *)"nobody";
	assert_int_equal(list_filter_read(&request.message, registry, &filter, &fault),
			 -EINVAL);
	assert_string_equal(fault.field, "scitag.experiment");
}

/* Whatever chooses differently hashes differently. */
static void test_fingerprint(void **state)
{
	struct request request;
	struct list_filter filters[7];

	(void)state;
	init_request(&request);
	filters[0] = read_filter(&request);
	request.filter.owner = (char *)"a";
	filters[1] = read_filter(&request);
	request.filter.owner = (char *)"";
	request.message.cookie = (char *)"a";
	filters[2] = read_filter(&request);
	request.filter.destination_prefix = (char *)"2001:db8::/32";
	filters[3] = read_filter(&request);
	request.filter.destination_prefix = (char *)"2001:db8::/33";
	filters[4] = read_filter(&request);
	request.filter.n_kinds = 1;
	request.kinds[0] = WAYMARK__V1__KIND__KIND_FLOW;
	filters[5] = read_filter(&request);
	request.message.lease_id = 1;
	filters[6] = read_filter(&request);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < 7; j++)
			assert_int_equal(list_filter_fingerprint(&filters[i]) ==
						 list_filter_fingerprint(&filters[j]),
					 i == j);
}

static int load_registry(void **state)
{
	(void)state;
	return registry_builtin(&registry);
}

static int free_registry(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_filter_passes_all),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_kinds_owner_cookie),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_bad_filters_name_the_field),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, load_registry, free_registry);
}
