/* Which host this is. */
#include "tcplens/base/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tcplens/base/sha256.h"

/* The HMAC by hand: python3 -c 'import hmac; print(hmac.digest(bytes(range(16)), bytes(range(16, 32)), "sha256").hex())' gives
 * e76b9e0fe4021d62ea97745ef43c654d…, of which version and variant are set. */
static void test_hash(void **state)
{
    uint8_t machine[16], app[16];
    char id[HOST_ID_MAX];

    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        machine[i] = i;
        app[i] = 16 + i;
    }
    host_hash_id(machine, app, id);
    assert_string_equal(id, "e76b9e0fe4024d62aa97745ef43c654d");
}

/* FIPS 180-4's examples, and RFC 4231's second. */
static void test_sha256(void **state)
{
    static const struct {
        const char *text, *sum;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    uint8_t sum[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1];

    (void)state;
    for (unsigned i = 0; i <= sizeof(cases) / sizeof(*cases); i++) {
        const bool hmac = i == sizeof(cases) / sizeof(*cases);

        if (hmac)
            hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, sum);
        else
            sha256(cases[i].text, strlen(cases[i].text), sum);
        for (unsigned k = 0; k < SHA256_BYTES; k++)
            snprintf(text + 2 * k, 3, "%02x", sum[k]);
        assert_string_equal(text,
                            hmac ? "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" : cases[i].sum);
    }
}

static void test_this_host(void **state)
{
    struct host h;
    char machine[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");

    (void)state;
    if (file) {
        assert_non_null(fgets(machine, sizeof(machine), file));
        fclose(file);
    }
    host_read(&h);
    assert_int_not_equal(h.name[0], '\0');
    assert_int_equal(strlen(h.boot_id), 36);
    assert_true(h.clock_known);
    if (h.machine_id[0]) { /* never the secret itself */
        assert_int_equal(strlen(h.machine_id), 32);
        assert_int_not_equal(strncmp(h.machine_id, machine, 32), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
