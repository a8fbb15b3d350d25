<?php
declare(strict_types=1);

require_once 'settings.php';

const LOGS = 'api_logs';
const LOGS_KEPT = 100;

function redis(): Redis
{
    static $redis = null;
    if (!$redis) {
        $redis = new Redis();
        $redis->connect(setting('BOARD_REDIS_HOST', '127.0.0.1'), (int) setting('BOARD_REDIS_PORT', '6379'), 5.0);
    }
    return $redis;
}

/** The last hundred actions are kept, newest first. */
function log_action(string $action): void
{
    redis()->lPush(LOGS, $action);
    redis()->lTrim(LOGS, 0, LOGS_KEPT - 1);
}

function latest_actions(int $count): array
{
    return redis()->lRange(LOGS, 0, $count - 1);
}
