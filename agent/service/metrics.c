/* SPDX-License-Identifier: Apache-2.0 */
#include "service/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "cleanup.h"
#include "core/engine.h"
#include "ops/audit_log.h"
#include "ops/metrics_page.h"
#include "rpc/gate.h"
#include "service/service.h"
#include "service/stats.h"
#include "service/watch_hub.h"

#define WORD_MAX 32
/* Digits of 32 bits. */
#define NUMBER_MAX 11
#define LABEL_END          \
	{                  \
		NULL, NULL \
	}

typedef Waymark__V1__StatsResponse stats_response;
typedef Waymark__V1__InterfaceStats interface_stats;
typedef Waymark__V1__ScitagStats scitag_row;

/* A family of one sample. */
static void write_one(FILE *page, const char *name, enum metrics_type type, uint64_t value,
		      const char *help)
{
	metrics_page_family(page, name, type, help);
	metrics_page_sample(page, name, NULL, value);
}

/* "SKIP_REASON_NOT_IPV6" as "not_ipv6". */
static void word_of(const ProtobufCEnumDescriptor *type, int value, const char *prefix,
		    char ret[static WORD_MAX])
{
	const ProtobufCEnumValue *entry = protobuf_c_enum_descriptor_get_value(type, value);
	const char *name = entry ? entry->name + strlen(prefix) : "";
	const size_t length = strnlen(name, WORD_MAX - 1);

	for (size_t i = 0; i < length; i++)
		ret[i] = (char)tolower((unsigned char)name[i]);
	ret[length] = '\0';
}

/* ---- the agent ---- */

static void write_node(FILE *page, const stats_response *stats)
{
	const struct metrics_label labels[] = {{"version", stats->node->version},
					       {"kernel", stats->node->kernel},
					       {"registry", stats->node->registry_modified},
					       LABEL_END};

	metrics_page_family(page, "waymark_info", METRICS_GAUGE,
			    "1, labelled with the agent's version, the kernel's, and when the "
			    "SciTags registry in use was modified.");
	metrics_page_sample(page, "waymark_info", labels, 1);
	write_one(page, "waymark_start_time_seconds", METRICS_GAUGE,
		  (uint64_t)stats->node->start_time->seconds,
		  "Start of the process, seconds since 1970.");
	write_one(
		page, "waymark_counters_since_seconds", METRICS_GAUGE,
		(uint64_t)stats->node->counters_since->seconds,
		"Since when the totals of packets count, seconds since 1970: they outlive the "
		"agent where its maps are pinned.");
}

static void write_state(FILE *page, const stats_response *stats, const struct service *service)
{
	write_one(page, "waymark_revision", METRICS_GAUGE, stats->header->revision,
		  "Revision of the newest change.");
	write_one(page, "waymark_compact_revision", METRICS_GAUGE, stats->compact_revision,
		  "Newest revision whose removal may be forgotten.");
	write_one(page, "waymark_audit_repairs_total", METRICS_COUNTER, stats->audit_repairs,
		  "Entries of the kernel's maps that somebody else had changed, put right.");
	write_one(page, "waymark_store_failed", METRICS_GAUGE,
		  atomic_load(&service->store_failed),
		  "1 while the store cannot be written and changes are refused.");
	write_one(page, "waymark_queued_writes", METRICS_GAUGE, atomic_load(&service->queued),
		  "Operations that wait for the engine.");
	write_one(page, "waymark_queued_bytes", METRICS_GAUGE,
		  atomic_load(&service->queued_octets), "Their size in memory.");
	write_one(page, "waymark_staged_bytes", METRICS_GAUGE, atomic_load(&service->staged),
		  "What open ReplaceMarks streams hold.");
	write_one(page, "waymark_watches", METRICS_GAUGE, watch_hub_count(service->watches),
		  "Watches that are open.");
	write_one(page, "waymark_leases", METRICS_GAUGE, engine_lease_count(service->engine),
		  "Leases that marks can share.");
	write_one(page, "waymark_audit_log_lost_lines_total", METRICS_COUNTER,
		  service->audit ? audit_log_lost(service->audit) : 0,
		  "Lines of the audit log that could not be written.");
}

static void write_calls(FILE *page, const struct service *service)
{
	static const char name[] = "waymark_calls_failed_total";
	const struct service_calls *calls = &service->calls;

	metrics_page_family(page, name, METRICS_COUNTER,
			    "Calls that ended with this code of gRPC, which is not OK.");
	for (unsigned int code = 1; code < SERVICE_CODES; code++) {
		char number[NUMBER_MAX];
		const struct metrics_label labels[] = {{"code", number}, LABEL_END};

		snprintf(number, sizeof(number), "%u", code);
		metrics_page_sample(page, name, labels, atomic_load(&calls->failed[code]));
	}
	write_one(page, "waymark_calls_throttled_total", METRICS_COUNTER,
		  atomic_load(&calls->throttled),
		  "Calls refused because their caller makes too many.");
	write_one(page, "waymark_calls_denied_total", METRICS_COUNTER,
		  atomic_load(&calls->denied),
		  "Calls refused because the policy does not let their caller make them.");
}

static void write_certificate(FILE *page, const Waymark__V1__Certificate *certificate)
{
	if (!certificate)
		return;
	write_one(page, "waymark_certificate_expiry_seconds", METRICS_GAUGE,
		  (uint64_t)certificate->expire_time->seconds,
		  "End of the certificate in use, seconds since 1970.");
	write_one(page, "waymark_certificate_outdated", METRICS_GAUGE,
		  (uint64_t)certificate->outdated,
		  "1 while its files hold something else, which cannot be used.");
}

static void write_connections(FILE *page)
{
	static const char name[] = "waymark_connections_refused_total";
	const struct gate_refusals refusals = gate_refusals();
	const struct {
		const char *reason;
		uint64_t count;
	} rows[] = {{"all", refusals.full},
		    {"peer", refusals.peer},
		    {"descriptors", refusals.descriptors}};

	write_one(page, "waymark_connections", METRICS_GAUGE, gate_connections(),
		  "TCP connections of gRPC that are open.");
	metrics_page_family(page, name, METRICS_COUNTER,
			    "TCP connections refused: beyond those in all, beyond those of one "
			    "peer, without a descriptor left.");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct metrics_label labels[] = {{"reason", rows[i].reason}, LABEL_END};

		metrics_page_sample(page, name, labels, rows[i].count);
	}
}

/* ---- the kernel's tables ---- */

static uint64_t table_used(const Waymark__V1__TableStats *table)
{
	return table->used;
}

static uint64_t table_capacity(const Waymark__V1__TableStats *table)
{
	return table->capacity;
}

static void write_tables(FILE *page, const stats_response *stats, const char *name,
			 uint64_t (*get)(const Waymark__V1__TableStats *table),
			 const char *help)
{
	char kind[WORD_MAX];

	metrics_page_family(page, name, METRICS_GAUGE, help);
	for (size_t i = 0; i < stats->n_tables; i++) {
		const struct metrics_label labels[] = {{"kind", kind}, LABEL_END};

		word_of(&waymark__v1__kind__descriptor, (int)stats->tables[i]->kind, "KIND_",
			kind);
		metrics_page_sample(page, name, labels, get(stats->tables[i]));
	}
}

/* ---- packets ---- */

static uint64_t is_attached(const interface_stats *interface)
{
	return !interface->error[0];
}

static uint64_t packets_seen(const interface_stats *interface)
{
	return interface->packets_seen;
}

static uint64_t marked_packets(const interface_stats *interface)
{
	return interface->marked->packets;
}

static uint64_t marked_bytes(const interface_stats *interface)
{
	return interface->marked->bytes;
}

static const struct {
	const char *name;
	enum metrics_type type;
	uint64_t (*get)(const interface_stats *interface);
	const char *help;
} of_interface[] = {
	{"waymark_interface_attached", METRICS_GAUGE, is_attached,
	 "1 where the program hangs on the interface."},
	{"waymark_interface_packets_total", METRICS_COUNTER, packets_seen,
	 "Packets that reached the program while there was any mark at all."},
	{"waymark_interface_marked_packets_total", METRICS_COUNTER, marked_packets,
	 "Packets marked."},
	{"waymark_interface_marked_bytes_total", METRICS_COUNTER, marked_bytes,
	 "Their octets on the wire."},
};

static void write_skips(FILE *page, const stats_response *stats)
{
	static const char name[] = "waymark_interface_skipped_packets_total";
	char reason[WORD_MAX];

	metrics_page_family(page, name, METRICS_COUNTER,
			    "Packets that got no mark, by reason; reasons that never were are "
			    "left out.");
	for (size_t i = 0; i < stats->n_interfaces; i++) {
		const interface_stats *interface = stats->interfaces[i];
		const struct metrics_label labels[] = {
			{"interface", interface->name}, {"reason", reason}, LABEL_END};

		for (size_t j = 0; j < interface->n_skipped; j++) {
			word_of(&waymark__v1__skip_reason__descriptor,
				(int)interface->skipped[j]->reason, "SKIP_REASON_", reason);
			metrics_page_sample(page, name, labels, interface->skipped[j]->packets);
		}
	}
}

static void write_interfaces(FILE *page, const stats_response *stats)
{
	for (size_t n = 0; n < sizeof(of_interface) / sizeof(of_interface[0]); n++) {
		metrics_page_family(page, of_interface[n].name, of_interface[n].type,
				    of_interface[n].help);
		for (size_t i = 0; i < stats->n_interfaces; i++) {
			const struct metrics_label labels[] = {
				{"interface", stats->interfaces[i]->name}, LABEL_END};

			metrics_page_sample(page, of_interface[n].name, labels,
					    of_interface[n].get(stats->interfaces[i]));
		}
	}
	write_skips(page, stats);
}

static const Waymark__V1__Counters *sent(const scitag_row *row)
{
	return row->sent;
}

static const Waymark__V1__Counters *observed(const scitag_row *row)
{
	return row->observed;
}

static const struct {
	const char *name;
	const Waymark__V1__Counters *(*get)(const scitag_row *row);
	bool is_bytes;
	const char *help;
} of_scitag[] = {
	{"waymark_scitag_sent_packets_total", sent, false,
	 "Packets marked with this SciTag; ids of 0: with one of no "
	 "experiment in the registry."},
	{"waymark_scitag_sent_bytes_total", sent, true, "Their octets on the wire."},
	{"waymark_scitag_observed_packets_total", observed, false,
	 "Packets that arrived with it, where observe_ingress is on; ids of 0: with none."},
	{"waymark_scitag_observed_bytes_total", observed, true, "Their octets on the wire."},
};

static uint64_t scitag_value(size_t n, const scitag_row *row)
{
	const Waymark__V1__Counters *counters = of_scitag[n].get(row);

	return of_scitag[n].is_bytes ? counters->bytes : counters->packets;
}

static void write_scitag(FILE *page, const char *name, const Waymark__V1__Scitag *scitag,
			 uint64_t value)
{
	char experiment_id[NUMBER_MAX], activity_id[NUMBER_MAX];
	const struct metrics_label labels[] = {{"experiment_id", experiment_id},
					       {"experiment", scitag->experiment},
					       {"activity_id", activity_id},
					       {"activity", scitag->activity},
					       LABEL_END};

	snprintf(experiment_id, sizeof(experiment_id), "%" PRIu32, scitag->experiment_id);
	snprintf(activity_id, sizeof(activity_id), "%" PRIu32, scitag->activity_id);
	metrics_page_sample(page, name, labels, value);
}

/* Whoever may write marks could make series of every label that there is: what is of no
 * experiment in the registry is one of them. */
static void write_scitags(FILE *page, const stats_response *stats)
{
	const Waymark__V1__Scitag none = WAYMARK__V1__SCITAG__INIT;
	uint64_t others;

	for (size_t n = 0; n < sizeof(of_scitag) / sizeof(of_scitag[0]); n++) {
		metrics_page_family(page, of_scitag[n].name, METRICS_COUNTER,
				    of_scitag[n].help);
		others = 0;
		for (size_t i = 0; i < stats->n_scitags; i++) {
			const scitag_row *row = stats->scitags[i];

			if (!row->scitag->experiment[0])
				others += scitag_value(n, row);
			else if (scitag_value(n, row) > 0)
				write_scitag(page, of_scitag[n].name, row->scitag,
					     scitag_value(n, row));
		}
		write_scitag(page, of_scitag[n].name, &none, others);
	}
}

static void write_packets(FILE *page, const stats_response *stats)
{
	write_one(page, "waymark_marked_packets_total", METRICS_COUNTER, stats->marked->packets,
		  "Packets marked, also on interfaces that are gone.");
	write_one(page, "waymark_marked_bytes_total", METRICS_COUNTER, stats->marked->bytes,
		  "Their octets on the wire.");
	write_tables(page, stats, "waymark_table_entries", table_used,
		     "Entries of the kernel's tables; flow, endpoint and host share one.");
	write_tables(page, stats, "waymark_table_capacity", table_capacity,
		     "Entries that they have room for.");
	write_interfaces(page, stats);
	write_scitags(page, stats);
}

int metrics_write(FILE *page, const struct service *service, bool is_serving)
{
	cleanup(stats_done) struct stats stats = {.node = NULL};
	int r = stats_read(&stats, service);

	if (r < 0)
		return r;
	write_node(page, &stats.response);
	write_one(page, "waymark_serving", METRICS_GAUGE, is_serving,
		  "1: every call is taken; 0: the agent starts.");
	write_state(page, &stats.response, service);
	write_calls(page, service);
	write_certificate(page, stats.response.certificate);
	write_connections(page);
	write_packets(page, &stats.response);
	return ferror(page) ? -ENOMEM : 0;
}
