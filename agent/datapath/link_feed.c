/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/link_feed.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "datapath/link_message.h"

/* Some thousand events. */
#define RECEIVE_BUFFER (4 << 20)
/* The most that the kernel sends at once. */
#define MESSAGE_MAX 32768

static int dump_begin(struct link_feed *feed)
{
	int error = link_message_ask(feed->socket, feed->sequence + 1);

	if (error)
		return error == -EBUSY ? 0 : error; /* one is running: after it */
	feed->sequence++;
	feed->is_dumping = true;
	feed->is_inconsistent = false;
	feed->must_dump = false;
	return feed->take(LINK_FEED_DUMP, NULL, feed->user);
}

static int dump_end(struct link_feed *feed)
{
	feed->is_dumping = false;
	if (!feed->is_inconsistent && !feed->must_dump)
		return feed->take(LINK_FEED_DUMPED, NULL, feed->user);
	feed->must_dump = true;
	return 0;
}

static int take_device(const struct link_feed *feed, enum link_feed_event event,
		       const struct nlmsghdr *header)
{
	struct stack_device device;

	return link_message_read(header, &device) ? feed->take(event, &device, feed->user) : 0;
}

static int take_message(struct link_feed *feed, const struct nlmsghdr *header)
{
	const bool is_answer = header->nlmsg_seq == feed->sequence && header->nlmsg_seq != 0;

	if (is_answer && (header->nlmsg_flags & NLM_F_DUMP_INTR))
		feed->is_inconsistent = true;
	switch (header->nlmsg_type) {
	case NLMSG_DONE:
		return is_answer ? dump_end(feed) : 0;
	case NLMSG_ERROR:
		feed->is_dumping = false;
		feed->must_dump = true;
		return -EIO;
	case RTM_NEWLINK:
		return take_device(feed, LINK_FEED_DEVICE, header);
	case RTM_DELLINK:
		return take_device(feed, LINK_FEED_GONE, header);
	default:
		return 0;
	}
}

static int take_messages(struct link_feed *feed, const void *buffer, ssize_t length)
{
	const struct nlmsghdr *header = buffer;
	int left = (int)length, error = 0;

	while (!error && mnl_nlmsg_ok(header, left)) {
		error = take_message(feed, header);
		header = mnl_nlmsg_next(header, &left);
	}
	return error;
}

/* 1: took something in, 0: there is nothing, or negative errno. */
static int receive(struct link_feed *feed)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_MAX];
	ssize_t length = mnl_socket_recvfrom(feed->socket, buffer, sizeof(buffer));
	int error;

	if (length >= 0) {
		error = take_messages(feed, buffer, length);
		if (error)
			feed->must_dump = true;
		return error ? error : 1;
	}
	if (errno == EINTR)
		return 1;
	if (errno == EAGAIN)
		return 0;
	feed->must_dump = true;
	return errno == ENOBUFS || errno == ENOSPC ? 1 : -errno;
}

int link_feed_read(struct link_feed *feed)
{
	int more = 1, error;

	while (more > 0) {
		more = receive(feed);
		if (more >= 0 && feed->must_dump && !feed->is_dumping) {
			error = dump_begin(feed);
			if (error)
				return error;
			more = 1;
		}
	}
	return more;
}

int link_feed_fd(const struct link_feed *feed)
{
	return mnl_socket_get_fd(feed->socket);
}

bool link_feed_is_dumping(const struct link_feed *feed)
{
	return feed->is_dumping;
}

int link_feed_open(struct link_feed *feed, int receive_buffer, link_feed_take *take, void *user)
{
	int size = receive_buffer ? receive_buffer : RECEIVE_BUFFER, fd;

	*feed = (struct link_feed){.take = take, .user = user, .must_dump = true};
	feed->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!feed->socket)
		return -errno;
	fd = mnl_socket_get_fd(feed->socket);
	/* Without CAP_NET_ADMIN the limit of the host holds, and that may do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return mnl_socket_bind(feed->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) ? -errno : 0;
}

void link_feed_close(struct link_feed *feed)
{
	if (feed->socket)
		mnl_socket_close(feed->socket);
	feed->socket = NULL;
}
