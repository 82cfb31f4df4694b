
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('inventory', '0002_an_address_may_have_no_account_yet'),
        ('tickets', '0003_ticket_allowance'),
    ]

    operations = [
        migrations.CreateModel(
            name='LogReading',
            fields=[
                ('id', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('asset', models.CharField(max_length=32)),
                ('plan', models.CharField(blank=True, max_length=32)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('source', models.CharField(blank=True, max_length=40)),
                ('gap', models.CharField(blank=True, max_length=16)),
                ('said', models.TextField(blank=True)),
                ('logins', models.PositiveIntegerField(default=0)),
                ('findings', models.PositiveIntegerField(default=0)),
                ('document_sha256', models.CharField(blank=True, max_length=64)),
                ('entry', models.CharField(max_length=64)),
                ('ticket', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.maintenanceticket')),
            ],
        ),
        migrations.CreateModel(
            name='SessionCommands',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session', models.CharField(max_length=32, unique=True)),
                ('sources', models.JSONField(default=list)),
                ('count', models.PositiveIntegerField(default=0)),
                ('exact', models.BooleanField(default=False)),
                ('said', models.TextField(blank=True)),
                ('document_sha256', models.CharField(blank=True, max_length=64)),
                ('at', models.DateTimeField()),
                ('entry', models.CharField(max_length=64)),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.maintenanceticket')),
            ],
        ),
        migrations.CreateModel(
            name='UnticketedLogin',
            fields=[
                ('id', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('asset', models.CharField(max_length=32)),
                ('fingerprint', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('how', models.CharField(max_length=11)),
                ('verdict', models.CharField(max_length=19)),
                ('account', models.CharField(blank=True, max_length=64)),
                ('source', models.CharField(blank=True, max_length=64)),
                ('text', models.TextField()),
                ('break_glass', models.CharField(blank=True, max_length=32)),
                ('entry', models.CharField(max_length=64)),
                ('explained_by', models.CharField(blank=True, max_length=32)),
                ('explained_at', models.DateTimeField(null=True)),
                ('explained_ticket', models.CharField(blank=True, max_length=16)),
                ('reason_sha256', models.CharField(blank=True, max_length=64)),
                ('reading', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='login_rows', to='activity.logreading')),
            ],
        ),
        migrations.CreateModel(
            name='BreakGlass',
            fields=[
                ('id', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('account', models.CharField(max_length=32)),
                ('place', models.TextField()),
                ('state', models.CharField(max_length=7)),
                ('sealed_by', models.CharField(max_length=32)),
                ('sealed_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField()),
                ('verified', models.BooleanField(default=False)),
                ('entry', models.CharField(max_length=64)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.asset')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'retired'), _negated=True), fields=('asset',), name='one_break_glass_per_asset'), models.CheckConstraint(condition=models.Q(('state__in', ['sealed', 'used', 'retired'])), name='break_glass_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'used'), _negated=True), ('used_at__isnull', False), _connector='OR'), name='break_glass_used_when')],
            },
        ),
        migrations.AddIndex(
            model_name='logreading',
            index=models.Index(fields=['asset', 'until'], name='log_reading_by_asset'),
        ),
        migrations.AddConstraint(
            model_name='logreading',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('plan', ''), ('ticket__isnull', False)), models.Q(('ticket__isnull', True), models.Q(('plan', ''), _negated=True)), _connector='OR'), name='log_reading_ticket_or_plan'),
        ),
        migrations.AddConstraint(
            model_name='logreading',
            constraint=models.CheckConstraint(condition=models.Q(('gap__in', ['', 'not_read', 'no_log', 'begins_late', 'jumps', 'cut', 'not_itself', 'session_missing'])), name='log_reading_gap_known'),
        ),
        migrations.AddConstraint(
            model_name='unticketedlogin',
            constraint=models.UniqueConstraint(fields=('asset', 'fingerprint'), name='login_told_once'),
        ),
        migrations.AddConstraint(
            model_name='unticketedlogin',
            constraint=models.CheckConstraint(condition=models.Q(('how__in', ['certificate', 'key', 'password', 'other', 'console', 'su'])), name='login_how_known'),
        ),
        migrations.AddConstraint(
            model_name='unticketedlogin',
            constraint=models.CheckConstraint(condition=models.Q(('verdict__in', ['ticketed', 'no_certificate', 'foreign_certificate', 'unknown_serial', 'other_asset', 'used_twice', 'out_of_time', 'console', 'changed_user'])), name='login_verdict_known'),
        ),
        migrations.AddConstraint(
            model_name='unticketedlogin',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('explained_at__isnull', True), ('explained_by', ''), ('reason_sha256', '')), models.Q(models.Q(('explained_by', ''), _negated=True), ('explained_at__isnull', False), models.Q(('reason_sha256', ''), _negated=True)), _connector='OR'), name='login_explained_whole'),
        ),
    ]
