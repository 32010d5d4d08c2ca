/* Addresses: what counts as one client, and which networks hold an address. */
#include "../test.h"

#include <string.h>

#include "address.h"
#include "util.h"

static void clients_are_addresses_or_their_networks(void **state)
{
    static const struct {
        const char *address, *client;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2::", "2001:db8:1:2::/64"},
        {"::1", "::/64"},
        {"::ffff:192.0.2.7", "::ffff:192.0.2.7"},
        {"unix:", "unix:"},
        {"nonsense", "nonsense"},
        {"", "unknown"},
        {NULL, "unknown"},
    };
    char client[ADDRESS_TEXT];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        address_client(client, rows[i].address);
        assert_string_equal(client, rows[i].client);
    }
    char longest[200];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    address_client(client, longest);
    assert_int_equal(strlen(client), ADDRESS_TEXT - 1);
}

static void lists_are_checked(void **state)
{
    static const struct {
        const char *list, *bad; /* bad NULL: good */
    } rows[] = {
        {"", NULL},
        {" , ,\t", NULL},
        {"127.0.0.1", NULL},
        {"127.0.0.1,::1", NULL},
        {" 10.0.0.0/8 , 192.168.0.0/16,\t2001:db8::/32 ", NULL},
        {"0.0.0.0/0,::/0", NULL},
        {"1.2.3.4/32,::1/128", NULL},
        {"10.1.2.3/8", NULL},
        {"::ffff:10.0.0.1", NULL},
        {"::ffff:10.0.0.0/104", NULL},
        {"10.0.0.0/33", "10.0.0.0/33"},
        {"::/129", "::/129"},
        {"10.0.0.0/-1", "10.0.0.0/-1"},
        {"10.0.0.0/", "10.0.0.0/"},
        {"10.0.0.0/8/8", "10.0.0.0/8/8"},
        {"10.0.0.0/x", "10.0.0.0/x"},
        {"/8", "/8"},
        {"10.0.0", "10.0.0"},
        {"10.0.0.256", "10.0.0.256"},
        {"010.0.0.1", "010.0.0.1"},
        {"::1::", "::1::"},
        {"fe80::1%eth0", "fe80::1%eth0"},
        {"[::1]", "[::1]"},
        {"localhost", "localhost"},
        {"127.0.0.1;::1", "127.0.0.1;::1"},
        {"127.0.0.1,all,none", "all"},
        {"10.0.0.0 /8", "/8"},
    };
    char bad[ADDRESS_TEXT];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bad[0] = '\0';
        bool good = networks_valid(rows[i].list, bad, sizeof bad);
        if (good != !rows[i].bad)
            fail_msg("\"%s\" is %s", rows[i].list, good ? "taken" : "refused");
        assert_string_equal(bad, rows[i].bad ? rows[i].bad : "");
    }
}

/* An entry too long to be an address must not become one by being cut. */
static void long_entries_are_refused(void **state)
{
    char bad[ADDRESS_TEXT], list[256] = "10.0.0.0/8";
    (void)state;
    memset(list + 9, '0', 200); /* "10.0.0.0/000..." is not /0 */
    list[209] = '8';
    assert_false(networks_valid(list, bad, sizeof bad));
    assert_int_equal(strlen(bad), sizeof bad - 1);
    assert_false(networks_hold(list, "192.0.2.1"));
    memset(list, '1', 209);
    assert_false(networks_valid(list, bad, sizeof bad));
}

static void networks_hold_what_begins_like_them(void **state)
{
    static const struct {
        const char *list, *address;
        bool held;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1/32", "127.0.0.1", true},
        {"127.0.0.1/32", "127.0.0.0", false},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.1.2.3/8", "10.9.9.9", true},
        {"192.168.128.0/17", "192.168.255.1", true},
        {"192.168.128.0/17", "192.168.127.255", false},
        {"192.0.2.4/31", "192.0.2.5", true},
        {"192.0.2.4/31", "192.0.2.6", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "0.0.0.0", true},
        {"0.0.0.0/0", "::1", false},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"0.0.0.0/1", "127.255.255.255", true},
        {"0.0.0.0/1", "128.0.0.0", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", true},
        {"::1", "::1", true},
        {"::1", "::2", false},
        {"::1/128", "0:0:0:0:0:0:0:1", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.1", "10.0.0.1", true},
        {"127.0.0.1,::1 10.0.0.0/8", "10.0.0.1", true},
        {"127.0.0.1,nonsense,::1", "::1", true},
        {"nonsense", "nonsense", false},
        {"", "127.0.0.1", false},
        {"0.0.0.0/0,::/0", NULL, false},
        {"0.0.0.0/0,::/0", "", false},
        {"0.0.0.0/0,::/0", "unix:", false},
        {"0.0.0.0/0,::/0", "127.0.0.1 ", false},
        {"0.0.0.0/0,::/0", "127.0.0.1:80", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (networks_hold(rows[i].list, rows[i].address) != rows[i].held)
            fail_msg("\"%s\" %s %s", rows[i].list, rows[i].held ? "does not hold" : "holds",
                     rows[i].address ? rows[i].address : "NULL");
}

/* The ends of each network, and their neighbours outside. */
static void the_internet_at_large(void **state)
{
    static const char *const public[] = {
        "1.1.1.1",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",   "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",      "172.15.255.255",
        "172.32.0.0",      "191.255.255.255", "192.0.1.0",       "192.0.3.0",        "192.88.98.255",
        "192.88.100.0",    "192.167.255.255", "192.169.0.0",     "198.17.255.255",   "198.20.0.0",
        "198.51.99.255",   "198.51.101.0",    "203.0.112.255",   "203.0.114.0",      "223.255.255.255",
        "2000::1",         "2001:200::1",     "2001:db7::1",     "2001:db9::1",      "2606:4700::1111",
        "3ffe::1",         "3fff:1000::1",    "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8", "2002:808:808::1",
    };
    static const char *const special[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "64:ff9b::1:808:808",
        "100::1",
        "1fff::1",
        "2001::1",
        "2001:0:808:808::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:a00:1::1",
        "2002:c0a8:101::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "7fff::1",
        "8000::1",
        "bfff::1",
        "fbff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe00::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ffff::1",
        "",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "8.8.8.8/8",
        "fe80::1%eth0",
        "[::1]",
        " 8.8.8.8",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(public); i++)
        if (!address_is_public(public[i]))
            fail_msg("%s is none of the Internet", public[i]);
    for (size_t i = 0; i < ARRAY_SIZE(special); i++)
        if (address_is_public(special[i]))
            fail_msg("%s is one of the Internet", special[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_addresses_or_their_networks),
        cmocka_unit_test(lists_are_checked),
        cmocka_unit_test(long_entries_are_refused),
        cmocka_unit_test(networks_hold_what_begins_like_them),
        cmocka_unit_test(the_internet_at_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
