/* SPDX-License-Identifier: Apache-2.0 */
#include "service/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cleanup.h"
#include "core/engine.h"
#include "datapath/attach.h"
#include "datapath/datapath.h"
#include "now.h"
#include "rpc/limits.h"
#include "service/caller.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

#define SKIP_REASONS 5

/* One InterfaceStats message with everything that it points to. */
struct stats_interface {
	Waymark__V1__InterfaceStats message;
	Waymark__V1__Counters marked;
	Waymark__V1__SkipCount skips[SKIP_REASONS];
	Waymark__V1__SkipCount *skipped[SKIP_REASONS];
	struct attach_interface row;
};

static void add_skip(struct stats_interface *wire, Waymark__V1__SkipReason reason,
		     uint64_t packets)
{
	Waymark__V1__SkipCount *skip = &wire->skips[wire->message.n_skipped];

	if (packets == 0)
		return;
	waymark__v1__skip_count__init(skip);
	skip->reason = reason;
	skip->packets = packets;
	wire->skipped[wire->message.n_skipped++] = skip;
}

static Waymark__V1__AttachMode attach_mode(enum attach_mode mode)
{
	switch (mode) {
	case ATTACH_TCX:
		return WAYMARK__V1__ATTACH_MODE__ATTACH_MODE_TCX;
	case ATTACH_CLSACT:
		return WAYMARK__V1__ATTACH_MODE__ATTACH_MODE_CLSACT;
	case ATTACH_NONE:
		break;
	}
	return WAYMARK__V1__ATTACH_MODE__ATTACH_MODE_UNSPECIFIED;
}

static void write_interface(struct stats_interface *wire, const struct datapath *datapath)
{
	const struct attach_interface *row = &wire->row;
	struct interface_count count = {.seen = 0};

	if (row->ifindex > 0)
		count = datapath_interface(datapath, row->ifindex);
	waymark__v1__interface_stats__init(&wire->message);
	wire->message.name = (char *)row->name;
	wire->message.ifindex = row->ifindex;
	wire->message.attach_mode = attach_mode(row->mode);
	wire->message.error = (char *)row->error;
	wire->message.packets_seen = count.seen;
	wire_write_counters(&wire->marked, count.marked);
	wire->message.marked = &wire->marked;
	wire->message.skipped = wire->skipped;
	add_skip(wire, WAYMARK__V1__SKIP_REASON__SKIP_REASON_NOT_IPV6, count.not_ipv6);
	add_skip(wire, WAYMARK__V1__SKIP_REASON__SKIP_REASON_TRUNCATED, count.truncated);
	add_skip(wire, WAYMARK__V1__SKIP_REASON__SKIP_REASON_NO_MATCH, count.no_match);
	add_skip(wire, WAYMARK__V1__SKIP_REASON__SKIP_REASON_EXPIRED, count.expired);
	add_skip(wire, WAYMARK__V1__SKIP_REASON__SKIP_REASON_WRITE_FAILED, count.write_failed);
}

/* Parts of the answer that are always there. */
struct stats_node {
	Waymark__V1__ResponseHeader header;
	Waymark__V1__NodeInfo node;
	Google__Protobuf__Timestamp start_time, counters_since, certificate_end;
	Waymark__V1__Certificate certificate;
	struct utsname host;
	Waymark__V1__Counters marked;
	Waymark__V1__TableStats tables[2], *table_list[2];
	Waymark__V1__Limits limits;
	Google__Protobuf__Duration min_ttl, max_ttl, heartbeat_interval;
};

static void write_node(struct stats_node *wire, const struct service *service)
{
	waymark__v1__node_info__init(&wire->node);
	uname(&wire->host);
	wire_write_time(&wire->start_time, service->start_time);
	wire_write_time(&wire->counters_since, datapath_since(service->datapath));
	wire->node.name = wire->host.nodename;
	wire->node.kernel = wire->host.release;
	wire->node.version = (char *)WAYMARK_VERSION;
	wire->node.start_time = &wire->start_time;
	wire->node.counters_since = &wire->counters_since;
	wire->node.registry_modified = (char *)registry_modified(service->registry);
}

static void write_table(struct stats_node *wire, size_t n, Waymark__V1__Kind kind,
			uint64_t used, uint64_t capacity)
{
	waymark__v1__table_stats__init(&wire->tables[n]);
	wire->tables[n].kind = kind;
	wire->tables[n].used = used;
	wire->tables[n].capacity = capacity;
	wire->table_list[n] = &wire->tables[n];
}

static void write_limits(struct stats_node *wire)
{
	waymark__v1__limits__init(&wire->limits);
	wire_write_duration(&wire->min_ttl, SERVICE_TTL_MIN);
	wire_write_duration(&wire->max_ttl, SERVICE_TTL_MAX);
	wire->limits.max_updates = SERVICE_UPDATES_MAX;
	wire->limits.max_leases_per_owner = SERVICE_LEASES_MAX;
	wire_write_duration(&wire->heartbeat_interval, SERVICE_HEARTBEAT);
	wire->limits.max_watchers = SERVICE_WATCHERS_MAX;
	wire->limits.heartbeat_interval = &wire->heartbeat_interval;
	wire->limits.max_page_size = SERVICE_PAGE_MAX;
	wire->limits.max_request_bytes = RPC_MESSAGE_MAX;
	wire->limits.min_ttl = &wire->min_ttl;
	wire->limits.max_ttl = &wire->max_ttl;
}

static void write_certificate(struct stats_node *wire, Waymark__V1__StatsResponse *response,
			      const struct service *service)
{
	const int64_t end = service->certificate_end;

	if (end == 0)
		return;
	waymark__v1__certificate__init(&wire->certificate);
	wire_write_time(&wire->certificate_end, end * NANOSECONDS);
	wire->certificate.expire_time = &wire->certificate_end;
	wire->certificate.outdated = service->certificate_outdated;
	response->certificate = &wire->certificate;
}

static void write_stats(struct stats_node *wire, Waymark__V1__StatsResponse *response,
			const struct service *service)
{
	struct datapath_fill fill = datapath_fill(service->datapath);

	reply_header(&wire->header, service, engine_revision(service->engine));
	write_node(wire, service);
	wire_write_counters(&wire->marked, datapath_marked(service->datapath));
	write_table(wire, 0, WAYMARK__V1__KIND__KIND_HOST, fill.marks, fill.marks_capacity);
	write_table(wire, 1, WAYMARK__V1__KIND__KIND_NETWORK, fill.networks,
		    fill.networks_capacity);
	write_limits(wire);
	response->header = &wire->header;
	response->node = &wire->node;
	response->marked = &wire->marked;
	response->tables = wire->table_list;
	response->n_tables = 2;
	response->limits = &wire->limits;
	write_certificate(wire, response, service);
	response->compact_revision = engine_compact_revision(service->engine);
	response->audit_repairs = engine_repairs(service->engine);
}

static int read_interfaces(struct stats *stats, const struct service *service)
{
	size_t n = attach_list(service->attach, NULL, 0), listed;
	cleanup(free_bytes) struct attach_interface *rows = calloc(n + 1, sizeof(*rows));
	Waymark__V1__StatsResponse *response = &stats->response;

	stats->interfaces = calloc(n + 1, sizeof(*stats->interfaces));
	response->interfaces = calloc(n + 1, sizeof(*response->interfaces));
	if (!rows || !stats->interfaces || !response->interfaces)
		return -ENOMEM;
	listed = attach_list(service->attach, rows, n);
	response->n_interfaces = listed < n ? listed : n;
	for (size_t i = 0; i < response->n_interfaces; i++) {
		stats->interfaces[i].row = rows[i];
		write_interface(&stats->interfaces[i], service->datapath);
		response->interfaces[i] = &stats->interfaces[i].message;
	}
	return 0;
}

int stats_read(struct stats *stats, const struct service *service)
{
	int r;

	waymark__v1__stats_response__init(&stats->response);
	stats->node = calloc(1, sizeof(*stats->node));
	r = stats->node ? read_interfaces(stats, service) : -ENOMEM;
	if (r == 0)
		r = scitag_stats_read(&stats->scitags, service->datapath, service->registry);
	if (r < 0)
		return r;
	write_stats(stats->node, &stats->response, service);
	stats->response.scitags = stats->scitags.messages;
	stats->response.n_scitags = stats->scitags.n;
	return 0;
}

void stats_done(struct stats *stats)
{
	free(stats->response.interfaces);
	free(stats->interfaces);
	scitag_stats_done(&stats->scitags);
	free(stats->node);
}

void handle_stats(struct rpc_call *call, const ProtobufCMessage *message)
{
	cleanup(stats_done) struct stats stats = {.node = NULL};
	cleanup(caller_done) struct wire_caller caller = {.prefixes = NULL};

	(void)message;
	if (stats_read(&stats, rpc_call_service(call)) < 0 || caller_write(&caller, call) < 0) {
		reply_out_of_memory(call);
		return;
	}
	stats.response.caller = &caller.message;
	rpc_call_finish(call, NULL, &stats.response.base);
}
