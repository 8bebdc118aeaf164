// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
// The smallest kernel module: it only says that it is there.
#include <linux/module.h>

static int __init statement_init(void)
{
	pr_info("ainode_statement: loaded\n");
	return 0;
}

static void __exit statement_exit(void)
{
}

module_init(statement_init);
module_exit(statement_exit);
MODULE_DESCRIPTION("A module that a recipe compiles");
MODULE_LICENSE("GPL");
