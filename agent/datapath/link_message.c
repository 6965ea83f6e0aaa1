/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/link_message.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

struct reading {
	struct stack_device *device;
	uint32_t link;
	bool is_elsewhere; /* the link is in another network namespace */
	bool passes_on; /* packets leave by the link as they are */
};

/* Others have a link too: a tunnel's packets leave in other packets, and what leaves by one
 * end of a veth pair arrives at the other. */
static bool kind_passes_on(const char *kind)
{
	static const char *const kinds[] = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

static int read_info(const struct nlattr *attribute, void *user)
{
	struct reading *reading = user;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		reading->passes_on = kind_passes_on(mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

static int read_name(const struct nlattr *attribute, struct device *device)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_get_payload_len(attribute) > sizeof(device->name))
		return MNL_CB_ERROR;
	memset(device->name, 0, sizeof(device->name));
	memcpy(device->name, mnl_attr_get_payload(attribute),
	       mnl_attr_get_payload_len(attribute));
	return MNL_CB_OK;
}

static int read_number(const struct nlattr *attribute, uint32_t *number)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
		return MNL_CB_ERROR;
	*number = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *user)
{
	struct reading *reading = user;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		return read_name(attribute, &reading->device->device);
	case IFLA_MASTER:
		return read_number(attribute, &reading->device->master);
	case IFLA_LINK:
		return read_number(attribute, &reading->link);
	case IFLA_LINK_NETNSID:
		reading->is_elsewhere = true;
		return MNL_CB_OK;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attribute, read_info, reading);
	default:
		return MNL_CB_OK;
	}
}

bool link_message_read(const struct nlmsghdr *header, struct stack_device *ret)
{
	const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
	struct stack_device device = {0};
	struct reading reading = {.device = &device};

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)) ||
	    message->ifi_family != AF_UNSPEC || message->ifi_index <= 0 ||
	    mnl_attr_parse(header, sizeof(*message), read_attribute, &reading) < 0 ||
	    !device.device.name[0])
		return false;
	device.device.ifindex = (uint32_t)message->ifi_index;
	device.device.type = message->ifi_type;
	if (reading.passes_on && !reading.is_elsewhere)
		device.lower = reading.link;
	*ret = device;
	return true;
}

int link_message_ask(const struct mnl_socket *socket, uint32_t sequence)
{
	char buffer[NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct ifinfomsg))];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

	header->nlmsg_type = RTM_GETLINK;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = sequence;
	message->ifi_family = AF_UNSPEC;
	return mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}
