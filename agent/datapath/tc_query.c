/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/tc_query.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "datapath/attach.h"

#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

/* libbpf names a filter after its program: "mark_l2:[42]". */
#define OUR_MARKER "mark_l"
#define OUR_OBSERVER "observe_l"

DEFINE_CLEANUP(cleanup_socket, struct mnl_socket *, mnl_socket_close)

static int socket_open(struct mnl_socket **ret)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!socket)
		return -errno;
	*ret = socket;
	return mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
}

/* What a dump asks for. */
struct question {
	uint16_t type; /* RTM_GET* */
	uint32_t ifindex; /* the kernel heeds it for filters only */
	uint32_t parent;
};

static int question_send(const struct mnl_socket *socket, const struct question *question)
{
	char buffer[NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct tcmsg))];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct tcmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = question->type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->tcm_family = AF_UNSPEC;
	message->tcm_ifindex = (int)question->ifindex;
	message->tcm_parent = question->parent;
	return mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

/* Calls `each` for every answer. 0 or negative errno. */
static int dump(const struct question *question, mnl_cb_t each, void *user)
{
	cleanup(cleanup_socket) struct mnl_socket *socket = NULL;
	_Alignas(struct nlmsghdr) char
		buffer[32768]; /* the most that the kernel sends at once */
	int error = socket_open(&socket), more = MNL_CB_OK;

	if (error)
		return error;
	error = question_send(socket, question);
	if (error)
		return error;
	while (more > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)length, 0, mnl_socket_get_portid(socket),
				  each, user);
	}
	return more < 0 ? -errno : 0;
}

/* The attribute of this type, NULL if it is not there or shorter than `least`. */
static const struct nlattr *attribute(const struct nlattr *first, const void *end,
				      uint16_t type, size_t least)
{
	const struct nlattr *at = first;

	while (mnl_attr_ok(at, (int)((const char *)end - (const char *)at))) {
		if (mnl_attr_get_type(at) == type)
			return mnl_attr_get_payload_len(at) >= least ? at : NULL;
		at = mnl_attr_next(at);
	}
	return NULL;
}

static const struct nlattr *nested(const struct nlattr *in, uint16_t type, size_t least)
{
	const char *payload = mnl_attr_get_payload(in);

	return attribute(mnl_attr_get_payload(in), payload + mnl_attr_get_payload_len(in), type,
			 least);
}

/* An attribute of an answer. */
static const struct nlattr *top(const struct nlmsghdr *header, uint16_t type, size_t least)
{
	return attribute(mnl_nlmsg_get_payload_offset(header, sizeof(struct tcmsg)),
			 mnl_nlmsg_get_payload_tail(header), type, least);
}

static bool is_string(const struct nlattr *at, const char *value)
{
	return mnl_attr_get_payload_len(at) > strlen(value) &&
	       !strcmp(mnl_attr_get_str(at), value);
}

struct clsact_search {
	uint32_t ifindex;
	bool found;
};

static int find_clsact(const struct nlmsghdr *header, void *user)
{
	const struct tcmsg *message = mnl_nlmsg_get_payload(header);
	struct clsact_search *search = user;
	const struct nlattr *kind;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)) ||
	    (uint32_t)message->tcm_ifindex != search->ifindex)
		return MNL_CB_OK;
	kind = top(header, TCA_KIND, 1);
	if (kind && is_string(kind, "clsact"))
		search->found = true;
	return MNL_CB_OK;
}

int tc_has_clsact(uint32_t ifindex)
{
	struct clsact_search search = {.ifindex = ifindex};
	int error = dump(&(struct question){RTM_GETQDISC, ifindex, 0}, find_clsact, &search);

	return error ? error : search.found;
}

static int count_one(const struct nlmsghdr *header, void *user)
{
	unsigned *count = user;

	(void)header;
	(*count)++;
	return MNL_CB_OK;
}

static int filters_each(uint32_t ifindex, uint32_t parent, mnl_cb_t each, void *user)
{
	return dump(&(struct question){RTM_GETTFILTER, ifindex, parent}, each, user);
}

int tc_has_filters(uint32_t ifindex)
{
	unsigned count = 0;
	int error = filters_each(ifindex, EGRESS, count_one, &count);

	if (!error)
		error = filters_each(ifindex, INGRESS, count_one, &count);
	return error ? error : count > 0;
}

struct ours_search {
	const char *name; /* how the name begins */
	struct tc_filter found;
};

static bool is_our_handle(uint32_t handle)
{
	return handle == ATTACH_CLSACT_HANDLE || handle == ATTACH_CLSACT_HANDLE_GUEST;
}

static int find_ours(const struct nlmsghdr *header, void *user)
{
	const struct tcmsg *message = mnl_nlmsg_get_payload(header);
	struct ours_search *search = user;
	const struct nlattr *options, *name, *id;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)) ||
	    !is_our_handle(message->tcm_handle) ||
	    TC_H_MAJ(message->tcm_info) >> 16 != ATTACH_CLSACT_PRIORITY)
		return MNL_CB_OK;
	options = top(header, TCA_OPTIONS, 0);
	if (!options)
		return MNL_CB_OK;
	name = nested(options, TCA_BPF_NAME, strlen(search->name) + 1);
	id = nested(options, TCA_BPF_ID, sizeof(uint32_t));
	if (name && id && !strncmp(mnl_attr_get_str(name), search->name, strlen(search->name)))
		search->found = (struct tc_filter){mnl_attr_get_u32(id), message->tcm_handle};
	return MNL_CB_OK;
}

int tc_find_ours(uint32_t ifindex, enum hook hook, struct tc_filter *ret)
{
	struct ours_search search = {.name = hook == HOOK_EGRESS ? OUR_MARKER : OUR_OBSERVER};
	int error = filters_each(ifindex, hook == HOOK_EGRESS ? EGRESS : INGRESS, find_ours,
				 &search);

	if (!error)
		*ret = search.found;
	return error;
}
