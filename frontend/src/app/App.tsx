import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { BrowserRouter, Link, Route, Routes } from "react-router";

import { isTransient } from "@/api/problem";
import { AuthPage } from "@/features/auth/AuthPage";
import { useSession } from "@/session/session";

const Shell = lazy(() => import("./Shell").then((module) => ({ default: module.Shell })));
const Workspace = lazy(() => import("@/features/workspace/Workspace"));
const DataPage = lazy(() => import("@/features/data/DataPage"));
const SystemPage = lazy(() => import("@/features/system/SystemPage"));
const ChainPage = lazy(() => import("@/features/chain/ChainPage"));
const InstrumentPage = lazy(() => import("@/features/instrument/InstrumentPage"));
const ForgotPage = lazy(() => import("@/features/auth/ForgotPage"));
const ResetPage = lazy(() => import("@/features/auth/ResetPage"));
const VerifyPage = lazy(() => import("@/features/auth/VerifyPage"));
const MailboxPage = lazy(() => import("@/features/auth/MailboxPage"));
const OrdersPage = lazy(() => import("@/features/trading/OrdersPage"));
const PortfolioPage = lazy(() => import("@/features/trading/PortfolioPage"));
const ContractNotesPage = lazy(() => import("@/features/trading/ContractNotesPage"));
const AccountLayout = lazy(() => import("@/features/account/AccountLayout"));
const SessionsPage = lazy(() => import("@/features/account/SessionsPage"));
const ApiKeysPage = lazy(() => import("@/features/account/ApiKeysPage"));
const SecurityPage = lazy(() => import("@/features/account/SecurityPage"));
const ActivityPage = lazy(() => import("@/features/account/ActivityPage"));
const DisplayPage = lazy(() => import("@/features/account/DisplayPage"));
const PeoplePage = lazy(() => import("@/features/account/PeoplePage"));
const NotificationsLayout = lazy(() => import("@/features/notifications/NotificationsLayout"));
const InboxPage = lazy(() => import("@/features/notifications/InboxPage"));
const AlertsPage = lazy(() => import("@/features/notifications/AlertsPage"));
const WebhooksPage = lazy(() => import("@/features/notifications/WebhooksPage"));
const HooksPage = lazy(() => import("@/features/notifications/HooksPage"));
const NotificationSettingsPage = lazy(() => import("@/features/notifications/SettingsPage"));
const BrokerPage = lazy(() => import("@/features/broker/BrokerPage").then((module) => ({ default: module.BrokerPage })));

const cache = new QueryClient({
  defaultOptions: { queries: { retry: (failures, error) => failures < 2 && isTransient(error), staleTime: 5_000 } },
});

/** One user's answers are not shown to the next; somebody who signs in again goes on with theirs, asked for anew. */
function useFreshCachePerUser(): void {
  const session = useSession();
  const expired = session.status === "expired";
  const user = session.status === "signed-in" ? session.session.user.id : expired ? session.user.id : null;
  useEffect(() => {
    if (user === null) return undefined;
    return () => cache.clear();
  }, [user]);
  useEffect(() => {
    if (!expired) return undefined;
    return () => void cache.invalidateQueries();
  }, [expired]);
}

export function App() {
  useFreshCachePerUser();
  return (
    <QueryClientProvider client={cache}>
      <BrowserRouter>
        <Routes>
          <Route path="/sign-in" element={<AuthPage mode="sign-in" />} />
          <Route path="/sign-up" element={<AuthPage mode="sign-up" />} />
          <Route path="/forgot-password" element={<Suspense><ForgotPage /></Suspense>} />
          <Route path="/reset-password" element={<Suspense><ResetPage /></Suspense>} />
          <Route path="/verify-email" element={<Suspense><VerifyPage /></Suspense>} />
          <Route path="/mailbox" element={<Suspense><MailboxPage /></Suspense>} />
          <Route element={<Suspense><Shell /></Suspense>}>
            <Route index element={<Workspace />} />
            <Route path="/chart/:symbol" element={<Workspace />} />
            <Route path="/chain" element={<ChainPage />} />
            <Route path="/chain/:underlying" element={<ChainPage />} />
            <Route path="/instrument/:symbol" element={<InstrumentPage />} />
            <Route path="/orders" element={<OrdersPage />} />
            <Route path="/portfolio" element={<PortfolioPage />} />
            <Route path="/portfolio/notes" element={<ContractNotesPage />} />
            <Route path="/connect" element={<BrokerPage />} />
            <Route path="/data" element={<DataPage />} />
            <Route path="/system" element={<SystemPage />} />
            <Route path="/notifications" element={<NotificationsLayout />}>
              <Route index element={<InboxPage />} />
              <Route path="alerts" element={<AlertsPage />} />
              <Route path="webhooks" element={<WebhooksPage />} />
              <Route path="hooks" element={<HooksPage />} />
              <Route path="settings" element={<NotificationSettingsPage />} />
            </Route>
            <Route path="/account" element={<AccountLayout />}>
              <Route index element={<SessionsPage />} />
              <Route path="security" element={<SecurityPage />} />
              <Route path="api-keys" element={<ApiKeysPage />} />
              <Route path="activity" element={<ActivityPage />} />
              <Route path="display" element={<DisplayPage />} />
              <Route path="people" element={<PeoplePage />} />
            </Route>
            <Route path="*" element={<div className="page"><h1>There is no such page</h1><p><Link to="/">Go to the workspace</Link></p></div>} />
          </Route>
        </Routes>
      </BrowserRouter>
    </QueryClientProvider>
  );
}
