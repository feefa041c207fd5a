/* Ports, where nothing but a port can tell who serves. */
#ifndef TCPLENS_TCP_PORT_H
#define TCPLENS_TCP_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* Servers are to be expected there: likely_server_ports of a default installation of Zeek. */
bool port_serves(uint16_t port);

#endif
