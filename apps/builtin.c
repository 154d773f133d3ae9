/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/builtin.h"

#include <stddef.h>

#include "drivers/af_packet/af_packet.h"
#include "drivers/loop/loop.h"
#include "drivers/tap/tap.h"
#include "drivers/wire/wire.h"
#include "stack/nexthop/nexthop.h"
#include "stack/proto/arp/arp.h"
#include "stack/proto/ether/ether.h"
#include "stack/proto/icmp/icmp.h"
#include "stack/proto/ipv4/ipv4.h"

const struct proto *const builtin_protos[] = {
    &proto_ether,
    &proto_arp,
    &proto_nexthop,
    &proto_ipv4,
    &proto_ipv4_link,
    &proto_icmp,
    NULL,
};

const struct driver *const builtin_drivers[] = {
    &af_packet_driver,
    &loop_driver,
    &tap_driver,
    &wire_driver,
    NULL,
};
