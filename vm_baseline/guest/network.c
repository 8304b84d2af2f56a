/* Loopback, eth0 and the files that name hosts; see netdevice(7) and rtnetlink's older ioctls. */

#include "guest.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "eth0"

/* struct in6_ifreq of <linux/ipv6.h>, which a C library may lack. */
struct address6 {
    struct in6_addr address;
    uint32_t length;
    int index;
};

static void set_address(int control, struct sockaddr *place, struct ifreq *request, unsigned long what,
                        in_addr_t address) {
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_addr.s_addr = address};
    memcpy(place, &value, sizeof value);
    if (ioctl(control, what, request) < 0)
        die("set an address of", request->ifr_name);
}

static void set_up(int control, const char *name) {
    struct ifreq request = {0};
    strcpy(request.ifr_name, name);
    if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
        die("find the network interface", name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        die("set up the network interface", name);
}

static void set_gateway(int control, const char *gateway) {
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in any = {.sin_family = AF_INET}, via = any;
    inet_pton(AF_INET, gateway, &via.sin_addr);
    memcpy(&route.rt_dst, &any, sizeof any);
    memcpy(&route.rt_genmask, &any, sizeof any);
    memcpy(&route.rt_gateway, &via, sizeof via);
    if (ioctl(control, SIOCADDRT, &route) < 0)
        die("route through", gateway);
}

/* Of a guest that was saved: others of the same have the same. */
static void set_hardware_address(int control, const char *mac) {
    struct ifreq request = {.ifr_name = NAME, .ifr_hwaddr.sa_family = ARPHRD_ETHER};
    unsigned char *bytes = (unsigned char *)request.ifr_hwaddr.sa_data;
    sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", bytes, bytes + 1, bytes + 2, bytes + 3, bytes + 4, bytes + 5);
    if (ioctl(control, SIOCSIFHWADDR, &request) < 0)
        die("set the hardware address", mac);
}

static void start_interface(int control, const char *address, const char *gateway) {
    struct ifreq request = {.ifr_name = NAME};
    struct in_addr own = {0};
    char text[INET_ADDRSTRLEN];
    int length = 32;
    sscanf(address, "%15[0-9.]/%d", text, &length);
    inet_pton(AF_INET, text, &own);
    in_addr_t mask = length ? htonl(~UINT32_C(0) << (32 - length)) : 0;
    /* So that nobody asks an earlier owner of the address. */
    write_file("/proc/sys/net/ipv4/conf/all/arp_notify", "1", 1);
    /* An address that was leased is nobody else's. */
    write_file("/proc/sys/net/ipv6/conf/" NAME "/accept_dad", "0", 1);
    set_address(control, &request.ifr_addr, &request, SIOCSIFADDR, own.s_addr);
    set_address(control, &request.ifr_netmask, &request, SIOCSIFNETMASK, mask);
    set_address(control, &request.ifr_broadaddr, &request, SIOCSIFBRDADDR, own.s_addr | ~mask);
    set_up(control, NAME);
    if (gateway)
        set_gateway(control, gateway);
}

static void start_version_6(const char *address, const char *gateway) {
    int control = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq link = {.ifr_name = NAME};
    struct address6 own = {.length = 128};
    struct in6_rtmsg route = {.rtmsg_metric = 1, .rtmsg_flags = RTF_UP | RTF_GATEWAY};
    char text[INET6_ADDRSTRLEN];
    if (control < 0 || ioctl(control, SIOCGIFINDEX, &link) < 0)
        die("use IPv6 on", NAME);
    own.index = route.rtmsg_ifindex = link.ifr_ifindex;
    sscanf(address, "%45[0-9a-f:]/%" SCNu32, text, &own.length);
    inet_pton(AF_INET6, text, &own.address);
    if (ioctl(control, SIOCSIFADDR, &own) < 0)
        die("set an IPv6 address of", NAME);
    if (gateway) {
        inet_pton(AF_INET6, gateway, &route.rtmsg_gateway);
        if (ioctl(control, SIOCADDRT, &route) < 0)
            die("route through", gateway);
    }
    close(control);
}

static void write_etc(const char *path, const char *text) {
    if (!text)
        return;
    mkdir("/etc", 0755);
    unlink(path);
    write_file(path, text, strlen(text));
}

/* Into the image's own files: a directory of the host that is mounted there later is not written to. */
void set_names(const struct job *job) {
    if (job->hostname) {
        char line[128];
        sethostname(job->hostname, strlen(job->hostname));
        snprintf(line, sizeof line, "%s\n", job->hostname);
        write_etc("/etc/hostname", line);
    }
    write_etc("/etc/resolv.conf", job->resolv);
    write_etc("/etc/hosts", job->hosts);
}

void start_network(const struct job *job) {
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_up(control, "lo");
    if (job->mac)
        set_hardware_address(control, job->mac);
    if (job->address)
        start_interface(control, job->address, job->gateway);
    if (job->address6)
        start_version_6(job->address6, job->gateway6);
    close(control);
}
