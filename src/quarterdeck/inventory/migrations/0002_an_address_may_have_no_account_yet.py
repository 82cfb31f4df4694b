"""A connection may know the address before it knows an account: a register of machines holds both kinds.

Going back is refused by the database itself while such a connection stands; name its account first.
"""

from django.db import migrations, models
from django.db.models import Q

NAME = "connection_account_no_option"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("Connection", NAME),
        migrations.AlterField("Connection", "target_account", models.CharField(blank=True, max_length=32)),
        migrations.AddConstraint(
            "Connection", models.CheckConstraint(condition=~Q(target_account__startswith="-"), name=NAME)
        ),
    ]
