#include "tcplens/tcp/port.h"

bool port_serves(uint16_t port)
{
    static const uint16_t ports[] = { 21,   22,   25,   53,   79,   80,   81,   88,   110,  135,  137,  139,  143,
                                      389,  443,  445,  502,  563,  585,  587,  614,  631,  636,  989,  990,  992,
                                      993,  995,  1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269,
                                      5353, 5355, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000 };

    for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
        if (ports[i] == port)
            return true;
    return false;
}
